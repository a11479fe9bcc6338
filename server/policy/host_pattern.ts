/**
 * Host patterns, and the sockets that they match. A socket on `0.0.0.0` or `::`
 * receives connections to every address of the machine. A socket on `::` with
 * `v6only: false` (`:80`, dual-stack) also receives connections to IPv4
 * addresses. So an allow rule matches a socket only if every address of the
 * socket is in the pattern, and a deny rule if any address of it is:
 *
 * - In a deny rule `127.0.0.1`, `10.0.0.0/8` and `0.0.0.0` match `0.0.0.0` and
 *   dual-stack `::`. `::1`, `fd00::/8` and `::` match `::`, dual-stack or not. A
 *   client cannot evade a rule on one address by asking for every address.
 * - In an allow rule `0.0.0.0` and `::` match themselves. The only networks that
 *   contain them are `0.0.0.0/0` and `::/0`. Only the empty host (`:80`) and `*`
 *   match dual-stack `::`.
 * - `v6only: false` makes no difference for any other host: `::1` receives only
 *   IPv6. An IPv4-mapped address (`::ffff:127.0.0.1`) is the IPv4 address, in
 *   requests and in patterns.
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
 * Reads a pattern: `*`, the empty string (dual-stack), an address or a network,
 * without brackets.
 *
 * @throws {PatternError} for any other text, such as a name.
 */
export function hostPattern(text: string, effect: Effect): HostMatcher {
  if (text === "*") return () => true;
  if (text === "") return isDualStack;
  const slash = text.indexOf("/");
  const host = slash === -1 ? text : text.slice(0, slash);
  const canonical = canonicalHost(host);
  if (canonical === undefined) {
    throw new PatternError(
      `invalid host ${
        JSON.stringify(host)
      }: expected a numeric address, a network such as 10.0.0.0/8, or *`,
    );
  }
  const numeric = numericHost(canonical.host);
  // All IPv4 addresses begin with the same 96 bits.
  const shared = canonical.family === "ipv4" ? 96 : 0;
  const length = slash === -1
    ? 128
    : shared + prefixLength(text, text.slice(slash + 1), 128 - shared);
  const masks = masksOf(length);
  if (numeric.words.some((word, at) => (word & ~masks[at]!) !== 0)) {
    throw new PatternError(
      `invalid network ${text}: bits are set beyond its first ${
        length - shared
      }`,
    );
  }
  return effect === "allow"
    ? containing(numeric, masks, length)
    : overlapping(numeric, masks);
}

function prefixLength(network: string, text: string, most: number): number {
  const length = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (length <= most) return length;
  throw new PatternError(`invalid network ${network}: expected /0 to /${most}`);
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

/** Matches a socket whose addresses are all in the network. */
function containing(
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

/** Matches a socket that has an address in the network. */
function overlapping(
  network: NumericHost,
  masks: readonly number[],
): HostMatcher {
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
