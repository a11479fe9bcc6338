import {
  Descriptor,
  duplicate,
  setCloseOnExec,
} from "../../ffi/files/descriptor.ts";
import type { Kind } from "../../address.ts";
import { servingKind } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { denoAddr } from "./deno_addr.ts";
import { listen, type SharedListener } from "./listen.ts";
import { serve, type ServeOptions } from "./serve.ts";
import type { ServeHandler } from "./serve_handler.ts";

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

  /** What kind of socket it is. */
  readonly kind: Kind;

  /** What the socket is bound to, as the kernel reports it (getsockname(2)). */
  readonly addr: Deno.Addr;

  /** What it was called by who passed it on; see {@linkcode inherited}. */
  readonly name: string | undefined;

  private constructor(
    descriptor: Descriptor,
    kind: Kind,
    addr: Deno.Addr,
    name: string | undefined,
  ) {
    this.#descriptor = descriptor;
    this.kind = kind;
    this.addr = addr;
    this.name = name;
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
  static from(fd: number, options: { name?: string } = {}): Binding {
    const kind = kindOf(fd);
    const addr = denoAddr(localAddress(fd), kind);
    setCloseOnExec(fd, true);
    return new Binding(new Descriptor(fd), kind, addr, options.name);
  }

  /**
   * Reading `fd` changes the descriptor: it clears close-on-exec for good, so
   * that every later child of `Deno.Command`, and the program that this one
   * becomes, has the socket under the same number. Until `fd` is read, none of
   * them has it.
   *
   * The number belongs to the Binding. Code that closes the descriptor it is
   * given needs {@linkcode Binding.dup}.
   *
   * @throws {TypeError} once closed.
   */
  get fd(): number {
    const { fd } = this.#descriptor;
    setCloseOnExec(fd, false);
    return fd;
  }

  /**
   * Another descriptor of the same socket, close-on-exec, that belongs to the
   * caller: for `listen({ fd })` of `node:http` and `node:net`, which close it
   * when they are done.
   *
   * @throws {OsError} EMFILE.
   */
  dup(): number {
    return duplicate(this.#descriptor.fd).release();
  }

  /**
   * `Deno.serve` on the socket: HTTP/1.1 and HTTP/2, with `cert` and `key`
   * over TLS, with everything that Deno's own server has. The Binding may be
   * closed meanwhile; the server has a duplicate of its own.
   *
   * `shutdown()` leaves the queue to the other processes at once and loses no
   * request: for 100 ms responses tell their clients to close the connection
   * (`Connection: close`), a connection that was accepted and has sent nothing
   * yet is waited for up to a second, over TLS and on a UNIX socket any
   * connection is, and what is under way then is answered, however long that
   * takes.
   *
   * It needs `--allow-net=127.0.0.1`, for a UNIX socket `--allow-net`, and
   * before Deno 2.8 for a UNIX socket `-A`. From
   * Deno 2.8 on, `createServer().listen({ fd: binding.dup() })` of `node:http`
   * serves without a permission; older versions ignore that descriptor and
   * listen elsewhere.
   *
   * The socket becomes non-blocking, for every process that holds it: none of
   * them may make it blocking again.
   *
   * @throws {AdoptionError} without that permission, and where Deno's server
   * cannot be put on the socket; the message says which.
   * @throws {TypeError} once closed; for another kind than `tcp` and `unix`;
   * for `cert` without `key`.
   *
   * @example
   * ```ts no-eval
   * import { bind } from "jsr:@multibinder/client";
   *
   * using web = await bind("127.0.0.1", 8000);
   * const server = web.serve((request, { remoteAddr }) =>
   *   new Response(`hello ${remoteAddr.transport}\n`)
   * );
   * Deno.addSignalListener("SIGTERM", () => server.shutdown());
   * ```
   */
  serve(handler: ServeHandler, options?: ServeOptions): Deno.HttpServer {
    return serve(this.#shared, handler, options);
  }

  /**
   * `Deno.listen` on the socket, for TCP and UNIX sockets. Permissions,
   * duplicates and O_NONBLOCK are as with {@linkcode Binding.serve}.
   *
   * @throws {AdoptionError} without the permission, and where Deno's listener
   * cannot be put on the socket; the message says which.
   * @throws {TypeError} once closed; for another kind than `tcp` and `unix`.
   *
   * @example
   * ```ts no-eval
   * import { bind } from "jsr:@multibinder/client";
   *
   * using echo = await bind("127.0.0.1", 7);
   * for await (const conn of echo.listen()) {
   *   conn.readable.pipeTo(conn.writable).catch(console.error);
   * }
   * ```
   */
  listen(): SharedListener {
    return listen(this.#shared);
  }

  get #shared(): { fd: number; addr: Deno.Addr } {
    if (this.kind !== "tcp" && this.kind !== "unix") {
      throw new TypeError(
        `a socket of kind ${this.kind} has no connections that Deno can serve: pass its fd on`,
      );
    }
    return { fd: this.#descriptor.fd, addr: this.addr };
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#descriptor.closed;
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

function kindOf(fd: number): Kind {
  const kind = servingKind(fd);
  if (kind !== undefined) return kind;
  throw new TypeError(`the socket of descriptor ${fd} does not listen`);
}
