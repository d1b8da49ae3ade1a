// The messages of the contract, read from proto/.
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const root = new protobuf.Root(), proto = new URL("../../../proto/", import.meta.url);
root.resolvePath = (_, path) => fileURLToPath(path.startsWith("google/") ? import.meta.resolve(`protobufjs/${path}`) : new URL(path, proto));
root.loadSync("cancelbus/v1/session.proto", { keepCase: true });
export const [Request, Reply, Event] = ["SessionRequest", "SessionReply", "Event"].map((name) => root.lookupType(`cancelbus.v1.${name}`));
export function decode(type, bytes) { // undefined if it cannot be read
  try { return type.toObject(type.decode(bytes), { longs: String, enums: String, defaults: true, oneofs: true }); } catch {}
}
