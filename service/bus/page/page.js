// Shows what /status says, once a second. Text is only ever set as text. Ages are by the bus's clock, not the browser's.
'use strict';
const EVERY = 1000, PATIENCE = 2000, STALE = 3000, MOST_ROWS = 50;
const byId = (id) => document.getElementById(id);
let answered = null;  // when, by this browser's monotonic clock
let began = performance.now();
let trouble = '';

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}
const row = (...cells) => make('div', 'row', ...cells.map((cell) => cell instanceof Node ? cell : make('span', '', cell)));
const named = (name, element) => { element.classList.add(name); return element; };
const word = (className, text) => make('span', className, text);
const fill = (id, children) => byId(id).replaceChildren(...children);

function elapsed(seconds) {
  if (!(seconds > 0)) return '0 s';
  if (seconds < 1) return Math.floor(seconds * 1000) + ' ms';
  if (seconds < 10) return (Math.floor(seconds * 10) / 10).toFixed(1) + ' s';
  if (seconds < 120) return Math.floor(seconds) + ' s';
  if (seconds < 7200) return Math.floor(seconds / 60) + ' min';
  return seconds < 172800 ? Math.floor(seconds / 3600) + ' h' : Math.floor(seconds / 86400) + ' d';
}
const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const clock = (time) => new Date(time).toISOString().slice(11, 19);
function bytes(count) {
  const unit = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let step = 0;
  for (count = Number(count); count >= 1000 && step < 4; ++step) count /= 1000;
  return count.toFixed(step ? 1 : 0) + ' ' + unit[step];
}

function tile(value, label, className = '') {
  return make('div', 'tile', make('b', className, String(value)), label);
}

function bars(s) {
  return s.event_bar.map((b) => make('p', 'warn', 'the key of ' + b.name + ' is barred from events for ' +
    elapsed(parseFloat(b.remaining)) + ': ' + b.text));
}

const kindOf = (c) => c.kind.replace('CAUSE_KIND_', '');
// What stops no request is no alarm.
const SHOWN_ONLY = ['STREAM', 'KEY_BARRED', 'FEWER_WORKERS', 'QUEUE'];
const toneOf = (c) => SHOWN_ONLY.includes(kindOf(c)) ? 'warn' : 'bad';

function causeText(c, now) {
  return kindOf(c) + ': ' + c.text + (c.remaining ? ', ' + Math.floor(parseFloat(c.remaining)) + ' s left' : '') +
    '; for ' + elapsed(between(c.since, now)) + (c.stops ? ', stops ' + c.stops : '') +
    (c.http_status ? ' (HTTP ' + c.http_status + ')' : '') + '; runbook: ' + c.runbook;
}

function verdict(s) {
  const tone = s.cause.length ? toneOf(s.cause[0]) : s.observing ? 'warn' : 'good';
  return [make('p', 'headline ' + tone, s.headline), ...s.cause.slice(1).map((c) => make('p', toneOf(c), causeText(c, s.as_of)))];
}

// Without times: a title that changes each second cannot be read.
function titleOf(s) {
  const first = s.cause.length ? kindOf(s.cause[0]) + ': ' + s.cause[0].text : s.observing ? 'OBSERVING' : 'ok';
  return first + ' \u2013 cancelbus' + (s.account ? ' ' + s.account : '');
}

function answers(s) {
  const counts = (name) => s.answers.filter((a) => a[name]).map((a) => (a.http_status ? 'HTTP ' + a.http_status : 'no answer') +
    ' \u00d7' + a[name]).join(', ') || 'none';
  const refused = !s.unauthorized_in_a_row ? [] : [make('p', 'bad', s.unauthorized_in_a_row + ' of ' + s.unauthorized_limit +
    ' requests refused in a row: at ' + s.unauthorized_limit + ' the exchange blocks the address')];
  return [...refused, row('in 60 s', counts('last_minute')), row('in 10 min', counts('last_10_minutes'))];
}

// The text of an answer without a legible body names the status itself.
const lastAnswer = (d) => (d.http_status && !d.text.startsWith('HTTP ') ? 'HTTP ' + d.http_status + (d.text ? ', ' : '') : '') +
  d.text || 'none';

function doubts(s) {
  const rows = s.doubts.map((d) => named('doubt', row('order ' + d.order_id, d.sender_comp_id + '/' + d.cl_ord_id,
    'for ' + elapsed(between(d.since, s.as_of)), d.attempts + (d.attempts === 1 ? ' attempt' : ' attempts'),
    'last answer: ' + lastAnswer(d))));
  if (s.orders_in_doubt > rows.length) rows.push(row('and ' + (s.orders_in_doubt - rows.length) + ' more', ''));
  return rows;
}

function scopeText(k) {
  const whose = { MASS_CANCEL_SCOPE_ALL: '', MASS_CANCEL_SCOPE_UNOWNED: ' of no known owner' }[k.scope] ?? ' of ' + k.owner;
  const side = k.side === 'SIDE_UNSPECIFIED' ? '' : k.side.replace('SIDE_', '').toLowerCase() + ' ';
  return (whose ? side + 'orders' + whose : 'every ' + side + 'order') + (k.symbol ? ' in ' + k.symbol : '') +
    (k.client_order_id_prefix ? ' with a client order id from "' + k.client_order_id_prefix + '"' : '');
}

function killSwitch(k, now) {
  const state = k.proven_empty ? word('good', 'proven empty as of ' + clock(k.complete_as_of))
    : word('bad', 'not proven empty: ' + (k.text || 'orders are being canceled'));
  return named('switch', row('Kill switch over ' + scopeText(k), 'ENGAGED by ' + k.sender_comp_id + ', since ' +
    elapsed(between(k.since, now)) + ': ' + k.reason, k.still_open + ' known open', state));
}

function deadManSwitch(d) {
  return named('switch', row("Dead man's switch of " + d.sender_comp_id, 'fires after ' + elapsed(parseFloat(d.window)),
    'silent for ' + elapsed(parseFloat(d.silent_for)), d.fired ? word('bad', 'FIRED') : word('quiet', 'armed')));
}

function switches(s) {
  const armed = [...s.dead_man_switches].sort((a, b) => b.fired - a.fired);
  const rows = [...s.kill_switches.map((k) => killSwitch(k, s.as_of)), ...armed.slice(0, MOST_ROWS).map(deadManSwitch)];
  if (armed.length > MOST_ROWS) rows.push(row('and ' + (armed.length - MOST_ROWS) + " more dead man's switches", ''));
  return rows;
}

function tiles(s) {
  const doubt = s.orders_in_doubt;
  return [
    tile(s.commands_undecided, 'commands undecided'),
    tile(s.cancels_in_flight, 'cancels in flight'),
    tile(s.queries_in_flight, 'queries in flight'),
    tile(doubt, doubt ? 'in doubt, the oldest for ' + elapsed(between(s.oldest_doubt, s.as_of)) : 'orders in doubt',
      doubt ? 'bad' : ''),
    s.store_writable ? tile(bytes(s.store_bytes), 'store') : tile('refuses', 'store takes no writes', 'bad'),
  ];
}

function gauge(w) {
  const bar = make('div', 'fill' + (w.used >= w.limit ? ' full' : ''));
  bar.style.width = Math.min(100, 100 * w.used / w.limit) + '%';
  const track = make('div', 'track', bar);
  track.setAttribute('role', 'meter');
  track.setAttribute('aria-label', w.limiter + ' in ' + w.period);
  track.setAttribute('aria-valuenow', w.used);
  track.setAttribute('aria-valuemax', w.limit);
  const left = Math.max(0, w.limit - w.used);
  return make('div', 'gauge', row(w.limiter + ' in ' + w.period, w.used + ' of ' + w.limit + ' used, ' + left + ' left'), track);
}

function stream(s) {
  const t = s.stream || {};
  const state = t.live ? word('good', 'live') : t.logged_in ? word('warn', 'logged in, nothing heard since')
    : word('bad', t.connected ? 'connected, not logged in' : 'not connected');
  const proof = t.last_proof ? ', last event ' + elapsed(between(t.last_proof, s.as_of)) + ' ago' : ', no event yet';
  return [state, word('quiet', proof + (t.text && !t.logged_in ? ', ' + t.text : ''))];
}

function openOrders(s) {
  const all = [...s.open_order_count].sort((a, b) => b.orders - a.orders);
  const total = all.reduce((sum, c) => sum + c.orders, 0);
  const age = s.complete_as_of ? 'complete as of ' + elapsed(between(s.complete_as_of, s.as_of)) + ' ago' : 'not complete yet';
  const head = make('p', '', total + ' known, ', word(s.complete_as_of ? 'quiet' : 'warn', age));
  const trouble = s.sweep_trouble ? [make('p', 'warn', s.sweep_trouble)] : [];
  const rows = all.slice(0, MOST_ROWS).map((c) => row(c.owner || 'no known owner', c.orders));
  if (all.length > MOST_ROWS) rows.push(row('and ' + (all.length - MOST_ROWS) + ' more owners', ''));
  return [head, ...trouble, ...rows];
}

function queues(s) {
  const length = (q) => q.urgent + q.normal;
  const all = [...s.queues].sort((a, b) => length(b) - length(a));
  if (!all.length) return [make('p', 'quiet', 'empty')];
  const total = all.reduce((sum, q) => sum + length(q), 0);
  const stop = s.cause.find((c) => (c.stops || '').includes('cancels'));
  const waiting = total + (total === 1 ? ' order waits' : ' orders wait');
  const head = stop ? make('p', '', waiting + ': ' + kindOf(stop) + ' stops cancels') : make('p', '', waiting + ' for budget' +
    (s.queue_empty_in ? ', empty in ' + elapsed(parseFloat(s.queue_empty_in)) + ' at the earliest' : ''));
  const rows = all.slice(0, MOST_ROWS).map((q) => named('waiting', row(q.sender_comp_id,
    length(q) + ' waiting' + (q.urgent ? ', ' + q.urgent + ' urgent' : ''),
    q.oldest ? 'oldest ' + elapsed(between(q.oldest, s.as_of)) : '')));
  if (all.length > MOST_ROWS) rows.push(row('and ' + (all.length - MOST_ROWS) + ' more', ''));
  return [head, ...rows];
}

function workers(s) {
  const working = s.workers.filter((w) => !w.benched).length;
  const head = s.expected_workers
    ? [make('p', working < s.expected_workers ? 'bad' : 'quiet', working + ' of ' + s.expected_workers + ' expected get work')]
    : s.workers.length ? [] : [make('p', 'quiet', 'none')];
  return head.concat(s.workers.slice(0, MOST_ROWS).map((w) => row(w.name, w.in_flight + ' of ' + w.credit + ' in flight',
    w.clock_offset ? 'clock ' + (1000 * parseFloat(w.clock_offset)).toFixed(1) + ' ms' : '',
    w.benched ? word('bad', 'no work: ' + w.benched + (w.silent_since ? ' for ' + elapsed(between(w.silent_since, s.as_of)) : ''))
      : word('good', 'gets work'))));
}

// Of a store that is this bus's alone nothing is to be said.
function buses(s) {
  if (!s.replication) return [];
  const standbys = (s.standbys || []).map((b) => row(b.name, 'follows', 'heard ' + elapsed(parseFloat(b.heard_ago)) + ' ago'));
  return [row(s.leader, 'leads, term ' + s.term), ...(standbys.length ? standbys : [make('p', 'warn', 'no bus follows')]),
    make('p', 'quiet', s.replication)];
}

function finals(events) {
  if (!events.length) return [make('p', 'quiet', 'none since the bus started')];
  return events.map((event) => {
    const f = event.cancel_final, t = f.timeline || {};
    const sender = event.topic.replace(/^client\./, '').replace(/\.$/, '');
    return named('final', row(clock(event.sending_time), f.unsolicited ? 'without a command' : sender + '/' + f.cl_ord_id,
      'order ' + f.order_id, word(f.ord_status === 'ORD_STATUS_CANCELED' ? 'good' : 'warn', f.ord_status.replace('ORD_STATUS_', '')),
      f.evidence.replace('EVIDENCE_', ''), t.received ? elapsed(between(t.received, t.finalized)) : ''));
  });
}

function show(told) {
  const s = told.bus_status;
  fill('tiles', tiles(s));
  fill('causes', [...verdict(s), ...bars(s)]);
  document.title = titleOf(s);
  fill('exchange', answers(s));
  fill('doubt-list', doubts(s));
  byId('doubts').hidden = !byId('doubt-list').hasChildNodes();
  fill('switch-list', switches(s));
  byId('switches').hidden = !byId('switch-list').hasChildNodes();
  fill('budget', s.windows.map(gauge));
  fill('stream', stream(s));
  fill('queue', queues(s));
  fill('orders', openOrders(s));
  fill('workers', workers(s));
  fill('bus-list', buses(s));
  byId('buses').hidden = !byId('bus-list').hasChildNodes();
  fill('finals', finals(told.finals));
  byId('main').hidden = false;
  byId('state').dataset.asOf = s.as_of;
  fresh('as of ' + clock(s.as_of) + ' UTC, version ' + s.version + (s.account ? ', account ' + s.account : '') + ', up ' +
    elapsed(parseFloat(s.uptime)));
}

function fresh(text) {
  answered = performance.now();
  trouble = '';
  document.body.classList.remove('stale');
  byId('state').className = 'quiet';
  byId('state').textContent = text;
}

function judge() {
  const silent = performance.now() - (answered ?? began);
  if (silent < STALE) return;
  document.body.classList.add('stale');
  byId('state').className = 'bad';
  document.title = 'STALE \u2013 cancelbus';
  byId('state').textContent = 'STALE: the bus has not answered for ' + elapsed(silent / 1000) + (trouble ? ' (' + trouble + ')' : '');
}

async function ask() {
  try {
    const reply = await fetch('status', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    if (!reply.ok) throw new Error('HTTP ' + reply.status);
    show(await reply.json());
  } catch (error) {
    trouble = error.message;
  }
  judge();
  setTimeout(ask, EVERY);
}
ask();
