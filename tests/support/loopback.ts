/**
 * Addresses that no other program on this machine uses.
 *
 * @module
 */
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { bindSocket, newSocket } from "../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../ffi/sockets/socket_address.ts";

/**
 * An address of the loopback network, so that a test may take any port: one of
 * millions, and other tests bind the first few.
 */
export function loopbackHost(): string {
  const [one, two, three] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + one! % 254}.${two}.${1 + three! % 254}`;
}

/** Below the ports that the kernel chooses from (ip(7)). */
const FIRST_PORT = 20_100;
const PORTS = 10_000;

/**
 * A port that no other test has, with any address. "Take a free port, give it
 * back and bind it" has a gap in which another program can get it.
 * `using` gives it back.
 */
export class OwnPort implements Disposable {
  private constructor(
    readonly number: number,
    private readonly lock: Descriptor,
  ) {}

  /** Takes one. */
  static take(): OwnPort {
    const [start] = crypto.getRandomValues(new Uint16Array(1));
    for (let offset = 0; offset < PORTS; offset++) {
      const port = FIRST_PORT + (start! + offset) % PORTS;
      const lock = lockOf(port);
      if (lock === undefined) continue;
      if (isFree(port)) return new OwnPort(port, lock);
      lock.close();
    }
    throw new Error("every port is taken");
  }

  [Symbol.dispose](): void {
    this.lock.close();
  }
}

/** A socket with a name for the port, which one process at a time can have. */
function lockOf(port: number): Descriptor | undefined {
  const name: UnixAddress = {
    family: "unix",
    path: `@multibinder-test-port-${port}`,
  };
  const lock = newSocket(name, "stream");
  try {
    bindSocket(lock.fd, name);
    return lock;
  } catch (error) {
    lock.close();
    if (error instanceof OsError && error.errno === Errno.EADDRINUSE) {
      return undefined;
    }
    throw error;
  }
}

/** Whether no other program on this machine uses it. */
function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "0.0.0.0", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
