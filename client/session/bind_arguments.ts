import {
  type Address,
  AddressError,
  hostAddress,
  type InternetKind,
  parseAddress,
} from "../../address.ts";

/** The arguments after the address: a port, options, both or neither. */
export type AfterAddress<Options> = [port: number, options?: Options] | [
  options?: Options,
];

const PATH = /^(?:(?:unix|seqpacket|unixgram):|\/)/;
const PORT = /^(?:\[[^\]]*\]|[^:[\]]*):\d+$/;
const HOST = /^(?:(tcp|udp):\/\/)?(.*)$/s;

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Refuses a mistake that getaddrinfo(3) would look up as a host name. */
function checkHost(text: string, host: string, port: number): void {
  const quoted = JSON.stringify(text);
  if (PATH.test(text)) {
    throw new AddressError(
      `invalid host ${quoted}: a path has no port ${port}`,
    );
  }
  if (PORT.test(host)) {
    throw new AddressError(
      `invalid host ${quoted}: it already has a port, leave out ${port}`,
    );
  }
}

/**
 * Reads both forms of a bind: host and port, or one string.
 *
 * @throws {AddressError} for an invalid address, or an invalid host if a port is
 * given.
 */
export function readTarget<Options extends object>(
  address: string,
  rest: AfterAddress<Options>,
): { target: Address; options: Partial<Options> } {
  const [first, second] = rest;
  if (typeof first === "number") {
    const [, kind = "tcp", host = ""] = HOST.exec(address) ?? [];
    checkHost(address, host, first);
    return {
      target: hostAddress(kind as InternetKind, unbracketed(host), first),
      options: second ?? {},
    };
  }
  return { target: parseAddress(address), options: first ?? {} };
}
