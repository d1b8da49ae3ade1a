// A session with cancelbus, written from proto/README.md and ../session alone; cancel.mjs puts sockets around it. Times are ms.
import { Event, Reply, decode } from "./messages.mjs";
export class Session {
  frames = []; news = []; // what to send, and what to tell the user: [what, message]
  open = false; silent = false; epoch = "0"; statusAt = Infinity; topics = new Map(); early = []; commands = new Map();
  constructor(sender, topics, now) { this.hello = { sender_comp_id: sender, topics }; this.own = `client.${sender}.`; this.heard = now; this.greet(now); }
  greet(now) { this.open = false; this.helloAt = now + 1000; this.frames.push({ hello: this.hello }); }
  tell(what, message = {}) { this.news.push([what, message]); }
  cancel(order, now) { this.commands.set(order.cl_ord_id, { order, asked: now, due: now }); this.sendDue(now); }
  sendDue(now) {
    for (const command of this.open ? this.commands.values() : []) if (command.due <= now) {
      const { time_to_live: ttl, ...order } = command.order, left = ttl && Math.max(1, ttl.seconds * 1000 + ttl.nanos / 1e6 - (now - command.asked));
      this.frames.push({ cancel_order: ttl ? { ...order, time_to_live: { seconds: Math.floor(left / 1000), nanos: (left % 1000) * 1e6 } } : order });
      command.due = now + (command.received ? 10000 : 1000);
    }
  }
  tick(now) { // to be called often
    if (!this.silent && now - this.heard >= 3000) Object.assign(this, { silent: true, open: false, helloAt: now }).tell("silent");
    if (!this.open && this.helloAt <= now) this.greet(now);
    if (this.open && this.beatAt <= now) { this.frames.push({ heartbeat: {} }); this.beatAt = now + 1000; }
    if (this.open && this.statusAt <= now) { this.frames.push({ status_request: {} }); this.statusAt = now + 1000; }
    for (const topic of this.topics.values()) if (topic.askAt <= now) this.settle(Object.assign(topic, { askedTo: topic.next }), now);
    this.sendDue(now);
  }
  onReply(bytes, now) {
    const reply = decode(Reply, bytes), kind = reply?.reply, message = reply?.[kind];
    if (!reply) return this.tell("unreadable");
    this.heard = now;
    if (kind === "welcome" && !this.open) {
      Object.assign(this, { open: true, silent: false, beatAt: now + 1000 }).tell("connected", { epoch: message.epoch });
      this.repeat((command) => !command.received, now);
    }
    const causes = JSON.stringify((message?.cause ?? []).map(({ kind, limiter }) => [kind, limiter]));
    if (kind === "heartbeat" && causes !== (this.causes ?? "[]")) Object.assign(this, { causes }).tell("causes", { causes: message.cause ?? [] });
    if (kind === "welcome" || kind === "heartbeat") this.positions(message, now);
    if (kind === "receipt" && this.commands.has(message.cl_ord_id)) {
      const command = this.commands.get(message.cl_ord_id), first = !command.told && !command.acked;
      const refused = message.status === "RECEIPT_STATUS_REFUSED";
      if (!refused) Object.assign(command, { told: true, received: true, due: command.acked && command.due === Infinity ? Infinity : now + 10000 });
      const ends = refused && !command.acked && !command.received;
      if (ends) this.commands.delete(message.cl_ord_id);
      else if (refused && !command.acked) Object.assign(command, { received: false, due: now + 1000 }); // whose was the first? the next one counts
      if (ends || (first && !refused)) this.tell("receipt", message);
    }
    if (kind === "retransmission" && !this.accept(message, now)) this.apply(message, now, now + 10000);
    if (kind === "retransmit_reject" && message.epoch === this.epoch) this.skip(this.topic(message.topic), Number(message.first_kept_seq), now);
    if (kind === "hello_required" && this.open) this.greet(now);
    if (kind === "status") { this.statusAt = Infinity; this.tell("bus_status", message); }
    if (kind === "reject") this.tell("reject", message);
    this.sendDue(now);
  }
  onEvent(topic, bytes, now) {
    const event = decode(Event, bytes);
    event?.topic === topic ? this.accept(event, now) : this.tell("unreadable");
  }
  topic(name) { return this.topics.get(name) ?? this.topics.set(name, { name, next: 1, end: 1, askedTo: 0, askAt: Infinity, ahead: new Map() }).get(name); }
  positions({ epoch, position }, now) {
    const before = this.epoch, fresh = before !== epoch;
    if (fresh) Object.assign(this, { epoch, topics: new Map() });
    if (fresh && before !== "0") { this.repeat((command) => (command.acked = command.told = false, true), now); this.tell("new_epoch", { before, now: epoch }); }
    for (const at of position.filter(({ next_seq }) => next_seq > 0 && next_seq < 2 ** 53)) {
      const topic = this.topic(at.topic), next = Number(at.next_seq);
      Object.assign(topic, { next: fresh ? next : topic.next, end: Math.max(topic.end, next) });
      if (topic.askAt === Infinity) this.settle(topic, now);
    }
    for (const event of this.early.splice(0)) if (event.epoch === epoch) this.accept(event, now);
  }
  accept(event, now) { // false: it was read before
    const topic = this.topic(event.topic), seq = Number(event.seq);
    if (seq === 0 || seq > 2 ** 53 || event.epoch === "0") return seq === 0 && this.tell("event", event), true; // a last value; nonsense
    if (event.epoch !== this.epoch) return this.early.length < 1000 && this.early.push(event), true;
    if (seq < topic.next) return false;
    topic.end = Math.max(topic.end, seq + 1);
    if (topic.ahead.size < 10000) topic.ahead.set(seq, event);
    return (seq === topic.next || topic.next >= topic.askedTo) && this.settle(topic, now), true;
  }
  settle(topic, now) { // hands out what is in order, and plans when to ask for what is missing
    for (let event; (event = topic.ahead.get(topic.next)); topic.ahead.delete(topic.next++)) { this.apply(event, now); this.tell("event", event); }
    const asked = topic.next < topic.askedTo, missed = topic.askedTo || topic.ahead.size; // else it may be on its way: there are two sockets
    topic.askAt = topic.next >= topic.end ? Infinity : asked ? now + 1000 : missed ? now : now + 250;
    if (topic.askAt === Infinity) topic.askedTo = 0;
    if (topic.askAt !== now) return;
    Object.assign(topic, { askedTo: Math.min(topic.end, ...topic.ahead.keys(), topic.next + 500), askAt: now + 1000 });
    this.frames.push({ retransmit_request: { epoch: this.epoch, topic: topic.name, from_seq: topic.next, count: topic.askedTo - topic.next } });
  }
  skip(topic, kept, now) {
    const resume = Math.min(kept, ...topic.ahead.keys()); // what is here was not missed
    if (resume <= topic.next || resume > 2 ** 53) return;
    if (topic.name === this.own) this.repeat(() => true, now);
    this.tell("lost", { topic: topic.name, from_seq: `${topic.next}`, to_seq: `${resume - 1}` });
    this.settle(Object.assign(topic, { next: resume, end: Math.max(topic.end, resume), askedTo: Math.min(topic.askedTo, resume) }), now);
  }
  repeat(which, now) { for (const command of this.commands.values()) if (which(command)) Object.assign(command, { received: false, due: now }); }
  apply({ topic, cancel_ack: ack, cancel_final: final, cancel_status: status }, now, again = Infinity) {
    const about = ack ?? final ?? status, id = about?.cl_ord_id, command = topic === this.own && this.commands.get(id);
    if (!command || `${command.order.order_id}` !== about.order_id) return; // or of another order with this cl_ord_id
    if (status) this.tell("status", status);
    if (ack && !command.acked) this.tell("ack", ack);
    if (ack) Object.assign(command, { acked: true, received: true, due: again }); // not live: its final may be lost beside it
    if (final && command.acked) this.tell("final", final);
    if (command.acked && (final || (ack && !ack.final_follows))) this.commands.delete(id);
  }
}
