import {
  type Address,
  AddressError,
  hostAddress,
  type InternetKind,
} from "../../address.ts";
import type { SocketOptions } from "../../client/session/options.ts";
import { readSocketOptions } from "./socket_options.ts";

/** Requests a socket: the text for it in the configuration. */
export type RequestSocket = (
  address: Address,
  options: SocketOptions,
) => string;

/** The backlog of the Ruby tool. */
const DEFAULT_BACKLOG = 10240;

function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw new TypeError(`the ${what} is ${typeof value}, not a string`);
}

function portOf(value: unknown): number {
  const isNumeric = typeof value === "string" && /^\d{1,5}$/.test(value);
  if (typeof value === "number" || isNumeric) return Number(value);
  throw new TypeError(
    value === undefined
      ? "the port is missing"
      : `invalid port ${
        JSON.stringify(value)
      }: expected a number from 0 to 65535`,
  );
}

/** In HAProxy `*` is another way to write 0.0.0.0. */
function hostOf(value: unknown): string {
  const host = textOf(value, "host").replace(/^\[(.*)\]$/, "$1");
  return host === "*" ? "0.0.0.0" : host;
}

function internet(kind: InternetKind, host: unknown, port: unknown): Address {
  return hostAddress(kind, hostOf(host), portOf(port));
}

/** HAProxy writes `abns@name` for `@name`. */
function unixAddress(path: unknown): Address {
  const text = textOf(path, "path").replace(/^abns@/, "@")
    .replace(/^unix@/, "");
  if (!/^[/@]./s.test(text)) {
    throw new AddressError(
      `invalid path ${JSON.stringify(text)}: expected /run/web.sock or @name`,
    );
  }
  return { kind: "unix", path: text };
}

/** `bind_tcp`, `bind_udp` and `bind_unix` of a template. */
export function bindFunctions(
  request: RequestSocket,
): Readonly<Record<string, unknown>> {
  const withBacklog = (options: unknown) => ({
    backlog: DEFAULT_BACKLOG,
    ...readSocketOptions(options),
  });
  return {
    bind_tcp: (host?: unknown, port?: unknown, options?: unknown) =>
      request(internet("tcp", host, port), withBacklog(options)),
    bind_udp: (host?: unknown, port?: unknown, options?: unknown) =>
      request(internet("udp", host, port), readSocketOptions(options)),
    bind_unix: (path?: unknown, options?: unknown) =>
      request(unixAddress(path), withBacklog(options)),
  };
}
