/**
 * Properties of a listening socket in this process.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { abi } from "../../../ffi/libc/abi.ts";
import { check } from "../../../ffi/libc/errno.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { viewOf } from "../../../ffi/libc/memory.ts";
import type { Binding } from "../../../client.ts";

const TCP_INFO = 11;
// Of a listening socket these two fields describe the accept queue (tcp(7)).
const TCPI_UNACKED = 24;
const TCPI_SACKED = 28;
const TCPI_SIZE = 104;

function tcpInfo(fd: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(TCPI_SIZE);
  const length = new Uint8Array(Uint32Array.of(TCPI_SIZE).buffer);
  check(
    libc().getsockopt(fd, abi.IPPROTO_TCP, TCP_INFO, bytes, length),
    "getsockopt",
    "TCP_INFO",
  );
  return viewOf(bytes);
}

/** Maximum length of the accept queue. */
export function backlogOf({ fd }: Binding): number {
  return tcpInfo(fd).getUint32(TCPI_SACKED, true);
}

/** Current length of the accept queue. */
export function waitingAt({ fd }: Binding): number {
  return tcpInfo(fd).getUint32(TCPI_UNACKED, true);
}

/** Identifies the socket in every process: `socket:[inode]`. */
export function socketOf({ fd }: Binding): string {
  return Deno.readLinkSync(`/proc/self/fd/${fd}`);
}

/** Asserts that two descriptors are one socket. */
export function assertSameSocket(one: Binding, other: Binding): void {
  assertEquals(socketOf(one), socketOf(other));
}

/** Host and port of the socket. */
export function tcpAddress({ addr }: Binding): {
  hostname: string;
  port: number;
} {
  if (addr.transport !== "tcp") throw new Error(`${addr.transport} is not TCP`);
  return { hostname: addr.hostname, port: addr.port };
}

/** For the option `ignore` of a test. */
export function lacksIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return false;
  } catch (error) {
    if (Deno.env.has("MULTIBINDER_TESTS_REQUIRE_ALL")) throw error;
    console.log("skipped: no IPv6 on this machine");
    return true;
  }
}
