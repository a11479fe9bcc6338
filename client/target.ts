import {
  type Address,
  hostAddress,
  type InternetKind,
  parseAddress,
} from "../address.ts";

/** What stands behind the address of a bind: a port, options, both, neither. */
export type AfterAddress<Options> = [port: number, options?: Options] | [
  options?: Options,
];

const HOST = /^(?:(tcp|udp):\/\/)?(.*)$/s;

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/**
 * Reads both forms of a bind: host and port, or one text.
 *
 * @throws {AddressError} for a text that is no address.
 */
export function readTarget<Options extends object>(
  address: string,
  rest: AfterAddress<Options>,
): { target: Address; options: Partial<Options> } {
  const [first, second] = rest;
  if (typeof first === "number") {
    const [, kind = "tcp", host = ""] = HOST.exec(address) ?? [];
    return {
      target: hostAddress(kind as InternetKind, unbracketed(host), first),
      options: second ?? {},
    };
  }
  return { target: parseAddress(address), options: first ?? {} };
}
