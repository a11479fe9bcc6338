import { Descriptor, duplicate, setCloseOnExec } from "../ffi/descriptor.ts";
import { isListening } from "../ffi/socket.ts";
import { localAddress } from "../ffi/socket_address.ts";

/**
 * A listening socket that the daemon bound and this program shares. `using`
 * closes this program's copy; the daemon's stays, and so does every
 * connection that waits on the socket.
 *
 * @example
 * ```ts no-eval
 * import { bind } from "jsr:@multibinder/client";
 *
 * using web = await bind("127.0.0.1", 8000);
 * console.log(web.fd, web.addr); // 12 { transport: "tcp", hostname: "127.0.0.1", port: 8000 }
 * ```
 */
export class Binding implements Disposable {
  readonly #descriptor: Descriptor;

  /** What the socket is bound to, as the kernel reports it (getsockname(2)). */
  readonly addr: Deno.Addr;

  private constructor(descriptor: Descriptor, addr: Deno.Addr) {
    this.#descriptor = descriptor;
    this.addr = addr;
  }

  /**
   * Takes over a listening socket that this program was started with, by its
   * number.
   *
   * @throws {OsError} EBADF, ENOTSOCK.
   * @throws {TypeError} when the socket does not listen.
   *
   * @example
   * ```ts no-eval
   * import { Binding } from "jsr:@multibinder/client";
   *
   * using web = Binding.from(Number(Deno.env.get("WEB_FD")));
   * ```
   */
  static from(fd: number): Binding {
    const addr = listeningAddress(fd);
    setCloseOnExec(fd, false);
    return new Binding(new Descriptor(fd), addr);
  }

  /**
   * The descriptor, blocking and with close-on-exec cleared: a child that is
   * spawned, or the program this one becomes, has it under the same number.
   * It belongs to the Binding; whoever closes what it is given takes
   * {@linkcode Binding.dup}.
   *
   * @throws {TypeError} once closed.
   */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /**
   * Another descriptor of the same socket, close-on-exec, that belongs to the
   * caller: for `listen({ fd })` of `node:http` and `node:net`, which close it
   * when they are done.
   *
   * @throws {OsError} EMFILE.
   */
  dup(): number {
    return duplicate(this.fd).release();
  }

  /** Closes this program's copy; a second call does nothing. */
  close(): void {
    this.#descriptor.close();
  }

  /** Same as {@linkcode Binding.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function listeningAddress(fd: number): Deno.Addr {
  if (!isListening(fd)) {
    throw new TypeError(`the socket of descriptor ${fd} does not listen`);
  }
  const address = localAddress(fd);
  if (address.family === "unix") {
    return { transport: "unix", path: address.path };
  }
  return { transport: "tcp", hostname: address.host, port: address.port };
}
