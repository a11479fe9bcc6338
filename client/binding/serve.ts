import {
  type Adopted,
  openOnSocket,
  type Place,
  type Steps,
} from "../../ffi/sockets/adopt.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { GoingAway, sayingGoodbye } from "./graceful_shutdown.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** Options of {@linkcode Binding.serve}. */
export interface ServeOptions {
  /**
   * Ends the server at once when it aborts; requests under way are cut off.
   * `shutdown()` lets them finish. Default: none.
   */
  signal?: AbortSignal;
  /**
   * Called once with the address of the shared socket before `serve` returns.
   * Default: nothing is printed.
   */
  onListen?: (addr: Deno.Addr) => void;
  /**
   * Makes the response when the handler throws. Default: the error goes to
   * standard error, the client gets a 500.
   */
  onError?: (error: unknown) => Response | Promise<Response>;
  /** Certificate chain in PEM; with `key` it makes an HTTPS server. */
  cert?: string;
  /** Private key in PEM. */
  key?: string;
}

/** The Deno.serve server, at the address where it really is. */
class SharedServer implements Deno.HttpServer {
  readonly addr: Deno.Addr;
  readonly #server: Deno.HttpServer;
  readonly #leave: () => void;
  readonly #goingAway: GoingAway;
  readonly #stopped: AbortSignal;
  #shutdown: Promise<void> | undefined;
  #over = false;

  constructor(
    { opened, leave }: Adopted<Deno.HttpServer>,
    addr: Deno.Addr,
    goingAway: GoingAway,
    stopped: AbortSignal,
  ) {
    this.addr = addr;
    this.#server = opened;
    this.#leave = leave;
    this.#goingAway = goingAway;
    this.#stopped = stopped;
    const over = () => this.#over = true;
    opened.finished.then(over, over);
  }

  get finished(): Promise<void> {
    return this.#server.finished;
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Deno has closed its listener: the number may be somebody else's by now.
    if (this.#over || this.#stopped.aborted) return await this.finished;
    try {
      this.#leave();
    } catch (error) {
      // With no descriptor left for the farewell it ends without one.
      if (!(error instanceof OsError)) throw error;
    }
    await Promise.race([this.#goingAway.farewell(), this.finished]);
    await this.#server.shutdown();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

/**
 * A handler that is told the right address: Deno says of every connection to
 * a UNIX socket that it comes from the address of its listener.
 */
function withAddress(handler: ServeHandler, addr: Deno.Addr): ServeHandler {
  if (addr.transport !== "unix") return handler;
  return (request, info) =>
    handler(request, {
      remoteAddr: addr,
      get completed() {
        return info.completed;
      },
    });
}

function denoServe(
  place: Place,
  handler: ServeHandler,
  signal: AbortSignal,
  { onError, cert, key }: ServeOptions,
): Deno.HttpServer {
  const options = {
    signal,
    ...(onError && { onError }),
    onListen: () => {},
  };
  if (place.transport === "unix") {
    return Deno.serve({ ...options, path: place.path }, handler);
  }
  const { hostname, port } = place;
  const tls = cert !== undefined && key !== undefined ? { cert, key } : {};
  return Deno.serve({ ...options, ...tls, hostname, port }, handler);
}

/** A listening socket, and where it is. */
export interface SharedSocket {
  /** Stays the caller's. */
  readonly fd: number;
  /** As the kernel reports it. */
  readonly addr: Deno.Addr;
}

/** As {@linkcode Binding.serve}; a test may replace a step of the adoption. */
export function serve(
  { fd, addr }: SharedSocket,
  handler: ServeHandler,
  options: ServeOptions = {},
  steps?: Steps,
): Deno.HttpServer {
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new TypeError("TLS needs both cert and key");
  }
  options.signal?.throwIfAborted();
  const stop = new AbortController();
  const goingAway = new GoingAway(addr, options.cert !== undefined);
  const polite = sayingGoodbye(withAddress(handler, addr), goingAway);
  const adopted = openOnSocket(
    fd,
    (place) => denoServe(place, polite, stop.signal, options),
    (server) => server.shutdown(),
    steps,
  );
  // Deno's server must not hear of an abort once it has ended: it would throw
  // BadResource where nobody can catch it.
  const { signal } = options;
  const abort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const forget = () => signal?.removeEventListener("abort", abort);
  adopted.opened.finished.then(forget, forget);
  const server = new SharedServer(adopted, addr, goingAway, stop.signal);
  options.onListen?.(addr);
  return server;
}
