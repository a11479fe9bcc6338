import {
  SOCKET_OPTION_NAMES,
  type SocketOptions,
} from "../../client/session/options.ts";
import { isBindOption } from "../../protocol.ts";

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
    if (!isBindOption(name)) {
      throw new TypeError(
        `unknown option ${name}: expected one of ${
          [...SOCKET_OPTION_NAMES.keys()].join(", ")
        }`,
      );
    }
    const option = SOCKET_OPTION_NAMES.get(name)!;
    return [option, option === "mode" ? modeOf(value) : value];
  });
  return Object.fromEntries(read);
}
