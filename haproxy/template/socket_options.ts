import type { SocketOptions } from "../../client/session/options.ts";

/**
 * The options of a bind: their names in the protocol, which templates use, and
 * in the client library.
 */
const NAMES: Readonly<Record<string, keyof SocketOptions>> = {
  backlog: "backlog",
  v6only: "v6only",
  device: "device",
  reuse_port: "reusePort",
  free_bind: "freeBind",
  transparent: "transparent",
  defer_accept: "deferAccept",
  fast_open: "fastOpen",
  mark: "mark",
  recv_buffer: "recvBuffer",
  send_buffer: "sendBuffer",
  mode: "mode",
  owner: "owner",
  group: "group",
};

/** In the protocol a mode is octal text, `"0660"`; in the library a number. */
function modeOf(value: unknown): unknown {
  return typeof value === "string" && /^[0-7]{3,4}$/.test(value)
    ? parseInt(value, 8)
    : value;
}

/**
 * Reads the options that a template gives. The daemon checks their values.
 *
 * @throws {TypeError} for an unknown option.
 */
export function readSocketOptions(given: unknown): SocketOptions {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError(
      "invalid options: expected an object such as { backlog: 1024 }",
    );
  }
  const read = Object.entries(given).map(([name, value]) => {
    const option = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
    if (option === undefined) {
      throw new TypeError(
        `unknown option ${name}: expected one of ${
          Object.keys(NAMES).join(", ")
        }`,
      );
    }
    return [option, option === "mode" ? modeOf(value) : value] as const;
  });
  return Object.fromEntries(read);
}
