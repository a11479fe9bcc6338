/**
 * Resolves host names: getaddrinfo(3) on another thread.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString, textAt } from "../libc/c_string.ts";
import { libc } from "../libc/libc.ts";
import { bytesAt, NativeMemory, viewOf } from "../libc/memory.ts";
import { decodeSocketAddress, type InternetAddress } from "./socket_address.ts";

/** A name that getaddrinfo(3) cannot resolve. */
export class NameError extends Error {
  /** `NameError`. */
  override readonly name = "NameError";

  /** Describes why `host` was not found; `code` is an EAI_* number. */
  constructor(readonly host: string, readonly code: number) {
    super(`getaddrinfo ${host}: ${textAt(libc().gai_strerror(code))}`);
  }
}

/**
 * Resolve a host to addresses for a listening TCP socket: without duplicates,
 * IPv4 first.
 *
 * @throws {NameError} when the name has no address.
 */
export async function resolveHost(
  host: string,
  port: number,
): Promise<InternetAddress[]> {
  const layout = abi.layouts.addrinfo;
  const hintBytes = new Uint8Array(layout.size);
  viewOf(hintBytes).setInt32(layout.ai_socktype, abi.SOCK_STREAM, true);
  using node = NativeMemory.of(cString(host));
  using hints = NativeMemory.of(hintBytes);
  using result = NativeMemory.of(new Uint8Array(8));
  const code = await libc().getaddrinfo(
    node.address,
    0n,
    hints.address,
    result.address,
  );
  if (code !== 0) throw new NameError(host, code);
  const head = viewOf(bytesAt(result.address, 8)).getBigUint64(0, true);
  const found = new Map<string, InternetAddress>();
  try {
    for (let at = head; at !== 0n;) {
      const info = viewOf(bytesAt(at, layout.size));
      const address = decodeSocketAddress(
        bytesAt(
          info.getBigUint64(layout.ai_addr, true),
          info.getUint32(layout.ai_addrlen, true),
        ),
      );
      if (address !== undefined && address.family !== "unix") {
        found.set(`${address.host}%${address.scope ?? 0}`, {
          ...address,
          port,
        });
      }
      at = info.getBigUint64(layout.ai_next, true);
    }
  } finally {
    libc().freeaddrinfo(head);
  }
  return [...found.values()].sort((one, other) =>
    one.family.localeCompare(other.family)
  );
}
