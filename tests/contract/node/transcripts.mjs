// Plays the transcripts of ../session to the JavaScript client.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Session } from "./client.mjs";
import { Event, Reply, Request } from "./messages.mjs";

const FOLDER = new URL("../session/", import.meta.url);
const HELLO = '{"hello":{"sender_comp_id":"desk-a","topics":["venue."]}}';
const connectedAt = (seq) => [`sends ${HELLO}`, `hears {"welcome":{"epoch":"7","position":[{"topic":"client.desk-a.","next_seq":"${seq}"}]}}`, 'sees connected {"epoch":"7"}'];

// protobuf's JSON writes a Duration as "1.500s"; protobufjs knows only its fields.
function plain(json) {
  const value = JSON.parse(json), order = value.cancel_order ?? value;
  if (order.time_to_live) {
    const ms = Math.round(parseFloat(order.time_to_live) * 1000);
    order.time_to_live = { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
  }
  return value;
}
const bytes = (type, object) => type.encode(type.fromObject(object)).finish();
const frame = (type, text) => (text.startsWith("0x") ? Buffer.from(text.slice(2), "hex") : bytes(type, plain(text)));
const milliseconds = (text) => parseInt(text) * (text.endsWith("ms") ? 1 : 1000);

class Stage {
  now = 1e6; session = new Session("desk-a", ["venue."], this.now); epoch = "0"; positions = new Map();
  user(text) {
    if (text === "status") this.session.statusAt = this.now;
    else this.session.cancel(plain(text.replace("cancel ", "")), this.now);
  }
  hears(text) {
    const { welcome, heartbeat } = text.startsWith("0x") ? {} : JSON.parse(text), at = welcome ?? heartbeat;
    for (const { topic, next_seq } of at?.position ?? []) this.positions.set(topic, Number(next_seq));
    this.epoch = at?.epoch ?? this.epoch;
    this.session.onReply(frame(Reply, text), this.now);
  }
  reads(text) {
    const [topic, hex] = text.split(" ");
    if (hex?.startsWith("0x")) return this.session.onEvent(topic, frame(Event, hex), this.now);
    const event = JSON.parse(text);
    this.positions.set(event.topic, Math.max(this.positions.get(event.topic) ?? 1, Number(event.seq ?? 0) + 1));
    this.session.onEvent(event.topic, frame(Event, text), this.now);
  }
  time(text) {
    const [span, inTouch] = text.split(" ");
    for (let left = milliseconds(span); left > 0; left -= 500) {
      this.now += Math.min(left, 500);
      this.session.tick(this.now);
      if (!inTouch) continue;
      const position = [...this.positions].map(([topic, next_seq]) => ({ topic, next_seq }));
      const beats = this.session.frames.filter((one) => one.heartbeat);
      this.session.frames = this.session.frames.filter((one) => !one.heartbeat);
      for (const _ of beats) this.session.onReply(bytes(Reply, { heartbeat: { epoch: this.epoch, position } }), this.now);
    }
  }
  connection() { this.session.greet(this.now); }
  bus() {}
  sends(text) {
    assert(this.session.frames.length, "the client sends nothing");
    const sent = Request.fromObject(this.session.frames.shift());
    assert.deepEqual(Request.toObject(sent), Request.toObject(Request.fromObject(plain(text))));
  }
  sees(text) {
    assert(this.session.news.length, "the user is told nothing");
    const [what, told] = this.session.news.shift(), [expected] = text.split(" ", 1);
    assert.equal(what, expected);
    covers(JSON.parse(text.slice(expected.length)), told, what);
  }
  play(word, text) {
    if (!["sends", "sees"].includes(word)) this.nothingIsLeft();
    this[word](text);
  }
  nothingIsLeft() { assert.deepEqual([this.session.frames, this.session.news], [[], []]); }
}

// All that is expected is there; what is not named may have any value.
function covers(expected, told, name) {
  if (typeof expected !== "object") return assert.deepEqual(told, expected, name);
  if (Array.isArray(expected)) assert.equal(told?.length, expected.length, name);
  for (const [key, value] of Object.entries(expected)) covers(value, told?.[key], `${name}.${key}`);
}

let played = 0, stage;
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".txt") && !["mass_cancel.txt", "inquiries.txt", "open_orders.txt", "operator.txt", "switches.txt"].includes(name))) {
  readFileSync(new URL(file, FOLDER), "utf8").split("\n").forEach((text, index) => {
    try {
      if (text === "" || text.startsWith("#")) return;
      if (text.startsWith("== ")) {
        stage?.nothingIsLeft();
        stage = new Stage();
        return void played++;
      }
      const beginning = text.match(/^connected at (\d+)$/);
      for (const line of beginning ? connectedAt(beginning[1]) : [text]) stage.play(line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1));
    } catch (error) {
      throw new Error(`${file}:${index + 1}: ${text}\n${error.message}`);
    }
  });
}
stage.nothingIsLeft();
console.log(`${played} transcripts passed`);
