/**
 * Address patterns: the grammar of address.ts with wildcards.
 *
 * ```text
 * 127.0.0.1:8000-8999   [::1]:*   10.0.0.0/8:80   [fd00::/8]:443
 * *:80 (any host)       :80 (the dual-stack wildcard address)
 * udp://HOST:PORT       unix:/run/web/*.sock     unix:@web-*
 * ```
 *
 * @module
 */
import { type Address, hasHost } from "../../address.ts";
import { hostPattern } from "./host_pattern.ts";
import { pathPattern } from "./path_pattern.ts";
import { PatternError } from "./pattern_error.ts";
import type { Effect } from "./policy.ts";

/** Whether a canonical address matches. */
export type AddressMatcher = (address: Address) => boolean;

const PATH = /^(unix|seqpacket|unixgram):(.+)$/s;
const HOST =
  /^(?:(tcp|udp):\/\/)?(?:\[([^\]*]+)\]|([^:[\]]*)):(\*|\d{1,5}(?:-\d{1,5})?)$/;
const EXAMPLES =
  "expected 127.0.0.1:8000, 127.0.0.1:8000-8999, [::1]:*, 10.0.0.0/8:80, *:80, :80, udp://..., unix:/run/*.sock or unix:@name";

/**
 * Reads a pattern for a rule. In a deny rule a pattern matches more than in an
 * allow rule: see host_pattern.ts and path_pattern.ts.
 *
 * @throws {PatternError} if the text is not an address pattern.
 */
export function addressPattern(text: string, effect: Effect): AddressMatcher {
  const path = PATH.exec(text);
  if (path !== null) {
    const matches = pathPattern(path[2]!, effect);
    const kind = path[1]!;
    return (address) =>
      !hasHost(address) && address.kind === kind && matches(address.path);
  }
  const parts = HOST.exec(text);
  if (parts === null) {
    throw new PatternError(
      `invalid address pattern ${JSON.stringify(text)}: ${EXAMPLES}`,
    );
  }
  const kind = parts[1] ?? "tcp";
  const { from, to } = portRange(parts[4]!);
  const matches = hostPattern(parts[2] ?? parts[3]!, effect);
  return (address) =>
    hasHost(address) && address.kind === kind && address.port >= from &&
    address.port <= to && matches(address);
}

/** No range but `*` contains port 0, with which the kernel chooses a port. */
function portRange(text: string): { from: number; to: number } {
  if (text === "*") return { from: 0, to: 65535 };
  const [from, to = from] = text.split("-").map(Number) as [number, number?];
  if (from > 65535 || to > 65535) {
    throw new PatternError(`invalid port ${text}: expected 0 to 65535`);
  }
  if (from > to) {
    throw new PatternError(`invalid port range ${text}: it is empty`);
  }
  if (from === 0 && to > 0) {
    throw new PatternError(
      `invalid port range ${text}: port 0 lets the kernel choose, write it as a pattern of its own`,
    );
  }
  return { from, to };
}
