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
 * A listening socket that this program shares with the daemon.
 *
 * `using` or `close` closes this program's copy. The daemon keeps its copy, and
 * the connections in the accept queue stay (listen(2)).
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

  /** Kind of the socket. */
  readonly kind: Kind;

  /** Address that the socket is bound to (getsockname(2)). */
  readonly addr: Deno.Addr;

  /** Name from LISTEN_FDNAMES; see {@linkcode inherited}. */
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
   * Makes a Binding of a descriptor that this program was started with.
   *
   * The Binding owns the descriptor and sets close-on-exec.
   *
   * @throws {OsError} EBADF when `fd` is not open, ENOTSOCK when it is not a
   * socket.
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
   * The descriptor, inheritable by children from the first read on.
   *
   * Reading `fd` clears close-on-exec (FD_CLOEXEC, fcntl(2)) permanently: later
   * children of `Deno.Command` and the program after an exec have the socket
   * under the same number. Before the first read they do not have it.
   *
   * The Binding owns the descriptor. Use {@linkcode Binding.dup} for code that
   * closes its descriptor.
   *
   * @throws {TypeError} when the Binding is closed.
   */
  get fd(): number {
    const { fd } = this.#descriptor;
    setCloseOnExec(fd, false);
    return fd;
  }

  /**
   * Duplicates the descriptor; the caller owns the duplicate.
   *
   * It is close-on-exec. `listen({ fd })` of `node:http` and `node:net` needs a
   * duplicate because it closes its descriptor at the end.
   *
   * @throws {OsError} EMFILE when this program has no descriptor left (dup(2)).
   * @throws {TypeError} when the Binding is closed.
   */
  dup(): number {
    return duplicate(this.#descriptor.fd).release();
  }

  /**
   * Runs `Deno.serve` on the socket: HTTP/1.1 and HTTP/2, with TLS if `cert` and
   * `key` are set.
   *
   * The server duplicates the descriptor: you can close the Binding meanwhile.
   *
   * `shutdown()` stops accepting at once and loses no request:
   *
   * 1. For 100 ms, responses have the header `Connection: close`.
   * 2. It waits up to 1000 ms for the first request of accepted connections. Over
   *    TLS and on a UNIX socket it waits for every open connection.
   * 3. It waits without a limit for the requests under way.
   *
   * Permissions: `--allow-net=127.0.0.1`; for a UNIX socket `--allow-net`, before
   * Deno 2.8 `-A`. Without them, `createServer().listen({ fd: binding.dup() })` of
   * `node:http` serves on the socket from Deno 2.8 on. Older versions ignore `fd`
   * and listen on another address.
   *
   * Every process that holds the socket sees it as non-blocking: O_NONBLOCK
   * belongs to the open file description (fcntl(2)). No process may clear it.
   *
   * From Deno 2.9.2 on SIGUSR1 opens Deno's debugger in a program: call
   * {@linkcode ignoreSigusr1} first.
   *
   * @throws {AdoptionError} without the permission, or when Deno's server cannot
   * use the socket; the message has the reason.
   * @throws {TypeError} when the Binding is closed; for a kind other than `tcp`
   * and `unix`; for `cert` without `key` or `key` without `cert`.
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
   * Runs `Deno.listen` on the socket, for TCP and UNIX stream sockets.
   *
   * Permissions, the duplicate and O_NONBLOCK are as for
   * {@linkcode Binding.serve}.
   *
   * @throws {AdoptionError} without the permission, or when Deno's listener
   * cannot use the socket; the message has the reason.
   * @throws {TypeError} when the Binding is closed; for a kind other than `tcp`
   * and `unix`.
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
        `Deno cannot serve a socket of kind ${this.kind}: pass its fd to another program`,
      );
    }
    return { fd: this.#descriptor.fd, addr: this.addr };
  }

  /** Whether the Binding is closed. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Closes this program's copy. A second call does nothing. */
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
