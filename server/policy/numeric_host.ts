import { abi } from "../../ffi/libc/abi.ts";
import { viewOf } from "../../ffi/libc/memory.ts";
import { encodeSocketAddress } from "../../ffi/sockets/socket_address.ts";

const { sockaddr_in, sockaddr_in6 } = abi.layouts;

/** The third word of an IPv4-mapped address (ipv6(7)). */
const MAPPED = 0xffff;

/**
 * A numeric address as four words of 32 bits. An IPv4 address has the words of
 * its IPv4-mapped IPv6 address (`::ffff:127.0.0.1`).
 */
export interface NumericHost {
  /** As given. */
  readonly text: string;
  /** Most significant first. */
  readonly words: readonly [number, number, number, number];
  /** Whether it is an IPv4 address, in either spelling. */
  readonly isIpv4: boolean;
  /** Whether it is `0.0.0.0` or `::`: every address of the machine. */
  readonly isWildcard: boolean;
}

/** The rules of a policy read the same address one after another. */
let last: NumericHost | undefined;

/**
 * Reads a numeric address.
 *
 * @throws {SocketAddressError} if the text is not a numeric address.
 */
export function numericHost(text: string): NumericHost {
  if (last?.text === text) return last;
  const words = wordsOf(text);
  const isIpv4 = words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
  const isWildcard = words[3] === 0 &&
    (isIpv4 || (words[0] === 0 && words[1] === 0 && words[2] === 0));
  return last = { text, words, isIpv4, isWildcard };
}

function wordsOf(host: string): NumericHost["words"] {
  if (!host.includes(":")) {
    const bytes = encodeSocketAddress({ family: "ipv4", host, port: 0 });
    return [0, 0, MAPPED, viewOf(bytes).getUint32(sockaddr_in.sin_addr)];
  }
  const view = viewOf(encodeSocketAddress({ family: "ipv6", host, port: 0 }));
  const at = sockaddr_in6.sin6_addr;
  return [
    view.getUint32(at),
    view.getUint32(at + 4),
    view.getUint32(at + 8),
    view.getUint32(at + 12),
  ];
}
