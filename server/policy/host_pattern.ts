/**
 * Patterns of hosts, and which sockets they match. A socket on `0.0.0.0` or
 * `::` takes in what is sent to any address of the machine, one on `::` with
 * `v6only: false` (`:80`, dual-stack) what is sent to IPv4 addresses too. So
 * a rule that allows matches a socket that takes in nothing beyond the
 * pattern, and a rule that denies one that takes in anything of it:
 *
 * - To `deny`, `127.0.0.1`, `10.0.0.0/8` and `0.0.0.0` match `0.0.0.0` and
 *   dual-stack `::`; `::1`, `fd00::/8` and `::` match `::`, dual-stack or not.
 *   Asking for every address is no way around a rule on one of them.
 * - To `allow`, `0.0.0.0` and `::` match themselves, and within a network they
 *   are only in `0.0.0.0/0` and `::/0`. Dual-stack `::` is none of these: it
 *   takes the empty host (`:80`) or `*`.
 * - `v6only: false` makes no difference to any other host: `::1` takes in
 *   IPv6 alone, and an IPv4-mapped address (`::ffff:127.0.0.1`) is the IPv4
 *   address, in requests and in patterns.
 *
 * @module
 */
import type { HostAddress } from "../../address.ts";
import { canonicalHost } from "../../ffi/sockets/socket_address.ts";
import { type NumericHost, numericHost } from "./numeric_host.ts";
import { PatternError } from "./pattern_error.ts";
import type { Effect } from "./policy.ts";

/** Whether a socket's host matches. */
export type HostMatcher = (address: HostAddress) => boolean;

/**
 * Reads a pattern: `*`, the empty text (dual-stack), an address or a network,
 * without brackets.
 *
 * @throws {PatternError} for another text, such as a name.
 */
export function hostPattern(text: string, effect: Effect): HostMatcher {
  if (text === "*") return () => true;
  if (text === "") return isDualStack;
  const slash = text.indexOf("/");
  const host = slash === -1 ? text : text.slice(0, slash);
  const canonical = canonicalHost(host);
  if (canonical === undefined) {
    throw new PatternError(
      `the host ${
        JSON.stringify(host)
      } is not numeric: write an address, a network such as 10.0.0.0/8, or *`,
    );
  }
  const numeric = numericHost(canonical.host);
  // The words of an IPv4 address begin with 96 bits that all of them share.
  const shared = canonical.family === "ipv4" ? 96 : 0;
  const length = slash === -1
    ? 128
    : shared + prefixLength(text, text.slice(slash + 1), 128 - shared);
  const masks = masksOf(length);
  if (numeric.words.some((word, at) => (word & ~masks[at]!) !== 0)) {
    throw new PatternError(
      `${text} has bits set beyond its first ${length - shared}`,
    );
  }
  return effect === "allow"
    ? covering(numeric, masks, length)
    : touching(numeric, masks);
}

function prefixLength(network: string, text: string, most: number): number {
  const length = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (length <= most) return length;
  throw new PatternError(`${network} is no network: /0 to /${most}`);
}

function masksOf(length: number): number[] {
  return [0, 32, 64, 96].map((before) => {
    const bits = Math.min(Math.max(length - before, 0), 32);
    return bits === 0 ? 0 : -1 << (32 - bits);
  });
}

function isDualStack({ host, v6only }: HostAddress): boolean {
  if (v6only) return false;
  const { isWildcard, isIpv4 } = numericHost(host);
  return isWildcard && !isIpv4;
}

/** Matches what takes in nothing beyond the network. */
function covering(
  network: NumericHost,
  masks: readonly number[],
  length: number,
): HostMatcher {
  const isAll = length === (network.isIpv4 ? 96 : 0);
  const isOne = length === 128;
  return (address) => {
    if (isDualStack(address)) return false;
    const host = numericHost(address.host);
    if (host.isIpv4 !== network.isIpv4) return false;
    if (host.isWildcard && !isAll && !isOne) return false;
    return isWithin(host, network, masks);
  };
}

/** Matches what takes in anything of the network. */
function touching(network: NumericHost, masks: readonly number[]): HostMatcher {
  return (address) => {
    const host = numericHost(address.host);
    if (network.isIpv4 && isDualStack(address)) return true;
    if (host.isIpv4 !== network.isIpv4) return false;
    return host.isWildcard || isWithin(host, network, masks);
  };
}

function isWithin(
  { words }: NumericHost,
  network: NumericHost,
  masks: readonly number[],
): boolean {
  for (let at = 0; at < 4; at++) {
    if (((words[at]! ^ network.words[at]!) & masks[at]!) !== 0) return false;
  }
  return true;
}
