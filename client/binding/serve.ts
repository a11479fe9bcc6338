import {
  type Adopted,
  openOnSocket,
  type Place,
  type Steps,
} from "../../ffi/sockets/adopt.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { unsetEnvironmentVariable } from "../../ffi/processes/process.ts";
import { closeConnectionsWhile, Draining } from "./graceful_shutdown.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** Options of {@linkcode Binding.serve}. */
export interface ServeOptions {
  /**
   * Ends the server and its requests at once when it aborts. `shutdown()` lets
   * requests under way finish.
   */
  signal?: AbortSignal;
  /**
   * Called once with the address of the shared socket before `serve` returns.
   *
   * @default nothing is printed
   */
  onListen?: (addr: Deno.Addr) => void;
  /**
   * Makes the response when the handler throws.
   *
   * @default print the error to standard error and respond with status 500
   */
  onError?: (error: unknown) => Response | Promise<Response>;
  /** Certificate chain in PEM; with `key` it makes an HTTPS server. */
  cert?: string;
  /** Private key in PEM. */
  key?: string;
}

/** Deno's own: where its first server listens instead of at the given address. */
export const SERVE_ADDRESS_VARIABLE = "DENO_SERVE_ADDRESS";

/** A server of Deno.serve that reports the address of the shared socket. */
class SharedServer implements Deno.HttpServer {
  readonly addr: Deno.Addr;
  readonly #server: Deno.HttpServer;
  readonly #leave: () => void;
  readonly #draining: Draining;
  readonly #aborted: AbortSignal;
  #shutdown: Promise<void> | undefined;
  #hasEnded = false;

  constructor(
    { opened, leave }: Adopted<Deno.HttpServer>,
    addr: Deno.Addr,
    draining: Draining,
    aborted: AbortSignal,
  ) {
    this.addr = addr;
    this.#server = opened;
    this.#leave = leave;
    this.#draining = draining;
    this.#aborted = aborted;
    const ended = () => this.#hasEnded = true;
    opened.finished.then(ended, ended);
  }

  get finished(): Promise<void> {
    return this.#server.finished;
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Deno has closed its listener: the descriptor number may be reused.
    if (this.#hasEnded || this.#aborted.aborted) return await this.finished;
    try {
      this.#leave();
    } catch (error) {
      // Without a spare descriptor (EMFILE), shut down without draining.
      if (!(error instanceof OsError)) throw error;
    }
    await Promise.race([this.#draining.drain(), this.finished]);
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
 * Corrects `remoteAddr` for UNIX sockets: Deno reports the path of its temporary
 * listener.
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
  { onError, cert, key, onListen: _, ...more }: ServeOptions,
): Deno.HttpServer {
  const options = {
    // Options of Deno that ServeOptions does not have (client/activate/).
    ...more,
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

/** A listening socket and its address. */
export interface SharedSocket {
  /** The caller keeps ownership. */
  readonly fd: number;
  /** From getsockname(2). */
  readonly addr: Deno.Addr;
}

/** Implements {@linkcode Binding.serve}. Tests replace `steps`. */
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
  ignoreClosedServer(stop.signal);
  const draining = new Draining(addr, options.cert !== undefined);
  const served = closeConnectionsWhile(draining, withAddress(handler, addr));
  // It would move the temporary listener.
  unsetEnvironmentVariable(SERVE_ADDRESS_VARIABLE);
  const adopted = openOnSocket(
    fd,
    (place) => denoServe(place, served, stop.signal, options),
    (server) => server.shutdown(),
    steps,
  );
  const { signal } = options;
  const abort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const forget = () => signal?.removeEventListener("abort", abort);
  adopted.opened.finished.then(forget, forget);
  const server = new SharedServer(adopted, addr, draining, stop.signal);
  options.onListen?.(addr);
  return server;
}

/**
 * If a signal aborts after Deno has closed its server, which is some turns of the
 * event loop before `finished` resolves, the listener of Deno throws BadResource: an
 * uncaught error of the whole program. Wraps the listeners that are added from now
 * on.
 */
function ignoreClosedServer(signal: AbortSignal): void {
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) => {
    const wrapped = (event: Event) => {
      try {
        if (typeof listener === "function") listener.call(signal, event);
        else listener.handleEvent(event);
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    };
    add(type, wrapped, options);
  };
}
