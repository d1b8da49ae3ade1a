// Sockets around a Session: cancels the order that the command line names, at the bus that CANCELBUS_SESSION_ENDPOINT and
// CANCELBUS_EVENT_ENDPOINT name, with the key in CANCELBUS_CURVE_KEY_FILE (.key, and .pub beside it) for the bus of
// CANCELBUS_CURVE_SERVER_KEY_FILE, and prints what the user is told, one JSON line each.
import { readFileSync } from "node:fs";
import * as zmq from "zeromq";
import { Session } from "./client.mjs";
import { Request } from "./messages.mjs";

const now = () => Math.floor(performance.now()), session = new Session("desk-node", [], now());
const keyFile = process.env.CANCELBUS_CURVE_KEY_FILE, key = (file) => readFileSync(file, "utf8").trim();
const curve = { curveSecretKey: key(keyFile), curvePublicKey: key(keyFile.replace(/\.key$/, ".pub")),
                curveServerKey: key(process.env.CANCELBUS_CURVE_SERVER_KEY_FILE) };
const dealer = new zmq.Dealer({ ...curve, linger: 0, immediate: true, sendTimeout: 0 }), sub = new zmq.Subscriber(curve);
sub.connect(process.env.CANCELBUS_EVENT_ENDPOINT);
dealer.connect(process.env.CANCELBUS_SESSION_ENDPOINT);
(async () => { for await (const [frame] of dealer) session.onReply(frame, now()); })();
(async () => { for await (const [topic, event] of sub) session.onEvent(topic.toString(), event, now()); })();
session.cancel({ cl_ord_id: `node-${Date.now()}`, order_id: process.argv[2] }, now());
for (; session.commands.size; session.tick(now())) {
  for (const frame of session.frames.splice(0)) await dealer.send(Request.encode(Request.fromObject(frame)).finish()).catch(() => {});
  for (const [what, message] of session.news.splice(0)) {
    if (what === "connected") sub.subscribe(session.own);  // the bus has said that we may
    console.log(JSON.stringify({ [what]: message }));
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
}
for (const [what, message] of session.news) console.log(JSON.stringify({ [what]: message }));
dealer.close(), sub.close();
