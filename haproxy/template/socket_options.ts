import type { SocketOptions } from "../../client/options.ts";

/**
 * The options of a bind by the names that the daemon knows them by, and by
 * those that the client library has for them.
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

/** The daemon takes a mode in octal, `"0660"`; the library takes a number. */
function modeOf(value: unknown): unknown {
  return typeof value === "string" && /^[0-7]{3,4}$/.test(value)
    ? parseInt(value, 8)
    : value;
}

/**
 * Reads the options that a template gives. Whether a value makes sense is for
 * the daemon to say.
 *
 * @throws {TypeError} for a name that there is not.
 */
export function readSocketOptions(given: unknown): SocketOptions {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("the options are no object such as { backlog: 1024 }");
  }
  const read = Object.entries(given).map(([name, value]) => {
    const option = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
    if (option === undefined) {
      throw new TypeError(
        `no option ${name}; there are ${Object.keys(NAMES).join(", ")}`,
      );
    }
    return [option, option === "mode" ? modeOf(value) : value] as const;
  });
  return Object.fromEntries(read);
}
