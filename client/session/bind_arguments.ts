import {
  type Address,
  AddressError,
  hostAddress,
  type InternetKind,
  parseAddress,
} from "../../address.ts";

/** What stands behind the address of a bind: a port, options, both, neither. */
export type AfterAddress<Options> = [port: number, options?: Options] | [
  options?: Options,
];

const PATH = /^(?:(?:unix|seqpacket|unixgram):|\/)/;
const PORT = /^(?:\[[^\]]*\]|[^:[\]]*):\d+$/;
const HOST = /^(?:(tcp|udp):\/\/)?(.*)$/s;

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Refuses what getaddrinfo(3) would look up as the name of a host. */
function checkHost(text: string, host: string, port: number): void {
  const quoted = JSON.stringify(text);
  if (PATH.test(text)) {
    throw new AddressError(`${quoted} is a path, which has no port ${port}`);
  }
  if (PORT.test(host)) {
    throw new AddressError(`${quoted} has a port already: leave out ${port}`);
  }
}

/**
 * Reads both forms of a bind: host and port, or one text.
 *
 * @throws {AddressError} for a text that is no address, or no host where a port
 * is given.
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
