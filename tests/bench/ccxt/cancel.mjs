// A strategy that cancels with ccxt, as its user would: one object, one process. It takes batches from stdin as
// bench-strategy does, and prints of each cancel the order id and, in nanoseconds of the steady clock, when it was asked for
// and when it was answered.
//   node cancel.mjs REST_URL API_KEY_FILE API_SECRET_FILE [throttled]
// With `throttled`, ccxt's own limiter decides when a request leaves. After a 429 nothing is sent for as long as Retry-After
// says, and then the same cancel again: ccxt leaves that to its user.
import ccxt from 'ccxt';
import fs from 'node:fs';
import readline from 'node:readline';

const [url, keyFile, secretFile, throttled] = process.argv.slice(2);
const read = (file) => fs.readFileSync(file, 'utf8').trim();
const exchange = new ccxt.btcturk({apiKey: read(keyFile), secret: read(secretFile), enableRateLimit: throttled === 'throttled'});
exchange.urls.api = {public: `${url}/api/v2`, private: `${url}/api/v1`, graph: url};
// ccxt signs with the time in seconds or milliseconds; two requests of one stamp would be refused.
let stamp = 0;
exchange.nonce = () => (stamp = Math.max(stamp + 1, Date.now()));

const now = () => process.hrtime.bigint();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let blockedUntil = 0;

async function cancel(order) {
  const begun = now();
  for (;;) {
    while (Date.now() < blockedUntil) await sleep(blockedUntil - Date.now());
    try {
      await exchange.cancelOrder(order);
      break;
    } catch (error) {
      if (!(error instanceof ccxt.RateLimitExceeded) && !/TOO_MANY_REQUESTS/.test(error.message)) throw error;
      const wait = Number(exchange.last_response_headers?.['Retry-After'] ?? exchange.last_response_headers?.['retry-after'] ?? 1);
      blockedUntil = Math.max(blockedUntil, Date.now() + wait * 1000);
    }
  }
  return `${order} ${begun} ${now()}`;
}

for await (const line of readline.createInterface({input: process.stdin})) {
  const [atOnce, ...orders] = line.trim().split(' ');
  const lines = [];
  const one = async () => {
    while (orders.length) lines.push(await cancel(orders.shift()));
  };
  await Promise.all(Array.from({length: Number(atOnce)}, one));
  process.stdout.write(`${lines.join('\n')}\ndone\n`);
}
