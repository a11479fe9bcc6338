/**
 * What a program can see of a listening socket it holds.
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
// Of a listening socket tcp(7) counts the accept queue in these two.
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

/** How many connections may wait. */
export function backlogOf({ fd }: Binding): number {
  return tcpInfo(fd).getUint32(TCPI_SACKED, true);
}

/** How many connections wait. */
export function waitingAt({ fd }: Binding): number {
  return tcpInfo(fd).getUint32(TCPI_UNACKED, true);
}

/** Which socket it is: `socket:[inode]`, the same in every process. */
export function socketOf({ fd }: Binding): string {
  return Deno.readLinkSync(`/proc/self/fd/${fd}`);
}

/** Asserts that two programs hold one socket. */
export function assertSameSocket(one: Binding, other: Binding): void {
  assertEquals(socketOf(one), socketOf(other));
}

/** Its host and port. */
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
