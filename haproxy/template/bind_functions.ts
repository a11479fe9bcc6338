import {
  type Address,
  AddressError,
  hostAddress,
  type InternetKind,
} from "../../address.ts";
import type { SocketOptions } from "../../client/options.ts";
import { readSocketOptions } from "./socket_options.ts";

/** Takes a request for a socket: what stands for it in the configuration. */
export type Ask = (address: Address, options: SocketOptions) => string;

/** What the Ruby tool asks for. */
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
      : `${JSON.stringify(value)} is no port: a number, 0 to 65535`,
  );
}

/** HAProxy writes every IPv4 address as `*` too. */
function hostOf(value: unknown): string {
  const host = textOf(value, "host").replace(/^\[(.*)\]$/, "$1");
  return host === "*" ? "0.0.0.0" : host;
}

function internet(kind: InternetKind, host: unknown, port: unknown): Address {
  return hostAddress(kind, hostOf(host), portOf(port));
}

/** A path as we write it; HAProxy writes `abns@name` for `@name`. */
function unixAddress(path: unknown): Address {
  const text = textOf(path, "path").replace(/^abns@/, "@")
    .replace(/^unix@/, "");
  if (!/^[/@]./s.test(text)) {
    throw new AddressError(
      `${JSON.stringify(text)} is no path: write /run/web.sock or @name`,
    );
  }
  return { kind: "unix", path: text };
}

/** `bind_tcp`, `bind_udp` and `bind_unix` of a template. */
export function bindFunctions(ask: Ask): Readonly<Record<string, unknown>> {
  const queued = (options: unknown) => ({
    backlog: DEFAULT_BACKLOG,
    ...readSocketOptions(options),
  });
  return {
    bind_tcp: (host?: unknown, port?: unknown, options?: unknown) =>
      ask(internet("tcp", host, port), queued(options)),
    bind_udp: (host?: unknown, port?: unknown, options?: unknown) =>
      ask(internet("udp", host, port), readSocketOptions(options)),
    bind_unix: (path?: unknown, options?: unknown) =>
      ask(unixAddress(path), queued(options)),
  };
}
