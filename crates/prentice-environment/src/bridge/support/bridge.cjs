// Both ends of the conversation between an examiner and a candidate in JavaScript. The protocol is described in
// javascript.rs; MESSAGE_BYTES and the exit codes are set by it.
"use strict";

const { readSync, writeSync } = require("node:fs");
const { Readable } = require("node:stream");

// What the program reads and prints is not the conversation.
Object.defineProperty(process, "stdout", { get: () => process.stderr, configurable: true });
Object.defineProperty(process, "stdin", { get: () => Readable.from([]), configurable: true });

const gone = () => process.exit(CANDIDATE_GONE_EXIT);

/// Repeats a system call until the whole of the buffer is done; false when the other end is gone.
function transfer(call, descriptor, buffer) {
  for (let done = 0; done < buffer.length; ) {
    let count;
    try {
      count = call(descriptor, buffer, done, buffer.length - done);
    } catch (error) {
      if (error.code !== "EAGAIN") return false;
      // A program that got at the descriptor by other ways has made it non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      continue;
    }
    if (count === 0) return false;
    done += count;
  }
  return true;
}

function send(value) {
  const payload = Buffer.from(JSON.stringify(value));
  if (payload.length > MESSAGE_BYTES) gone();
  const message = Buffer.alloc(4 + payload.length);
  message.writeUInt32LE(payload.length);
  payload.copy(message, 4);
  if (!transfer(writeSync, 1, message)) gone();
}

/// Undefined when there are no more messages.
function receive() {
  const size = Buffer.alloc(4);
  if (!transfer(readSync, 0, size)) return undefined;
  if (size.readUInt32LE() > MESSAGE_BYTES) gone();
  const payload = Buffer.alloc(size.readUInt32LE());
  if (!transfer(readSync, 0, payload)) gone();
  try {
    return JSON.parse(payload.toString());
  } catch {
    gone();
  }
}

/// A value as JSON: itself if it is null, a boolean, a string or an ordinary number, otherwise [kind, content...].
function encode(value) {
  switch (typeof value) {
    case "undefined":
      return ["undefined"];
    case "bigint":
      return ["bigint", String(value)];
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : ["number", Object.is(value, -0) ? "-0" : String(value)];
    case "function":
    case "symbol":
      return ["opaque"];
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return ["array", ...Array.from(value, encode)];
  if (value instanceof Map) return ["map", ...Array.from(value, (entry) => entry.map(encode))];
  if (value instanceof Set) return ["set", ...Array.from(value, encode)];
  if (value instanceof Date) return ["date", encode(value.getTime())];
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return ["boxed", encode(value.valueOf())];
  return ["object", ...Object.keys(value).map((key) => [key, encode(value[key])])];
}

/// The value again, made of nothing but plain data. Throws on what `encode` does not write.
function decode(code) {
  if (!Array.isArray(code)) {
    if (typeof code === "object" && code !== null) throw new TypeError("not a value");
    return code;
  }
  const [kind, ...content] = code;
  switch (kind) {
    case "undefined":
      return undefined;
    case "bigint":
      return BigInt(content[0]);
    case "number":
      return Number(content[0]);
    case "opaque":
      // Equal to nothing, and left out by JSON.stringify as a function would be.
      return Symbol("opaque");
    case "array":
      return content.map(decode);
    case "map":
      return new Map(content.map(([key, value]) => [decode(key), decode(value)]));
    case "set":
      return new Set(content.map(decode));
    case "date":
      return new Date(decode(content[0]));
    case "boxed":
      return Object(decode(content[0]));
    case "object":
      // Not an assignment: `__proto__` is a key like any other here.
      return content.reduce(
        (object, [key, value]) =>
          Object.defineProperty(object, key, {
            value: decode(value),
            writable: true,
            enumerable: true,
            configurable: true,
          }),
        {},
      );
    default:
      throw new TypeError("not a value");
  }
}

/// The examiner's side of a call.
exports.ask = (given) => {
  send(given.map(encode));
  const reply = receive();
  if (reply === undefined) gone();
  let value;
  try {
    if (reply[0] === "threw") {
      process.stderr.write(`the candidate threw: ${reply[1]}\n`);
      process.exit(CANDIDATE_THREW_EXIT);
    }
    if (reply[0] !== "returned") gone();
    value = decode(reply[1]);
  } catch {
    gone();
  }
  return value;
};

/// Makes a failed assertion end the examiner, which would otherwise only print. The detail is the line of the test.
exports.examine = () => {
  console.assert = (condition, ...detail) => {
    if (condition) return;
    console.error("assertion failed:", ...detail, new Error().stack.split("\n")[2]?.trim());
    process.exit(WRONG_ANSWER_EXIT);
  };
};

/// The candidate's side: answers calls until there are no more.
exports.answer = (entry) => {
  for (let given; (given = receive()) !== undefined; ) {
    let reply;
    try {
      const value = entry(...given.map(decode));
      try {
        reply = ["returned", encode(value)];
      } catch {
        // Too deep, or a property that cannot be read: no plain data.
        reply = ["returned", ["opaque"]];
      }
    } catch (error) {
      reply = ["threw", String(error?.stack ?? error)];
    }
    send(reply);
  }
  process.exit(0);
};
