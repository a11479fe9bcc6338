import { Interest } from "../../ffi/files/poller.ts";
import type { Status } from "../../protocol.ts";
import { Authorization } from "../policy/authorization.ts";
import type { BindTable } from "../sockets/bind_table.ts";
import type { ControlSocket } from "./control_socket.ts";
import { logInternalError } from "../log/internal_errors.ts";
import type { Limits } from "./limits.ts";
import type { LineWriter } from "../log/line_writer.ts";
import type { Log } from "../log/log.ts";
import type { Policy } from "../policy/policy.ts";
import { Counters } from "../log/counters.ts";
import type { RequestContext } from "../requests/perform.ts";
import { statusMethod } from "../requests/status_method.ts";
import { Acceptor } from "./acceptor.ts";
import { Clients } from "./clients.ts";
import { openEarly } from "./descriptor_reserve.ts";
import { EventLoop, type Heartbeat } from "./event_loop.ts";

/** The start of the daemon and its number of generations. */
export interface Origin {
  /** Start of the first generation, ISO 8601. */
  readonly startedAt: string;
  /** 1 at the first start; each re-exec adds 1. */
  readonly generation: number;
}

/** The parts of a daemon. */
export interface DaemonParts {
  readonly control: ControlSocket;
  readonly binds: BindTable;
  readonly log: Log;
  readonly origin: Origin;
  readonly limits: Limits;
  /** Without a policy every client may do everything. */
  readonly policy: Policy | undefined;
}

/** How long the daemon waits for the readers of its last lines, in ms. */
const EXIT_PATIENCE = 500;

/** Lines that may have to wait for their reader. */
type Output = Pick<LineWriter, "attach" | "detach" | "flush">;

/** The daemon: its sockets, its clients and the event loop that serves them. */
export class Daemon implements RequestContext, Disposable {
  readonly control: ControlSocket;
  readonly binds: BindTable;
  readonly log: Log;
  readonly origin: Origin;
  readonly limits: Limits;
  readonly authorization: Authorization;
  readonly counters: Counters = new Counters();
  /** The connected clients. */
  readonly clients: Clients;
  readonly #generationStartedAt = new Date().toISOString();
  readonly #loop = new EventLoop();
  readonly #acceptor: Acceptor;
  readonly #stopping = new AbortController();
  readonly #outputs: Output[] = [];
  #closed = false;

  /** Takes ownership of the sockets. */
  constructor(parts: DaemonParts) {
    const { control, binds, log, origin, limits, policy } = parts;
    this.control = control;
    this.binds = binds;
    this.log = log;
    this.origin = origin;
    this.limits = limits;
    this.authorization = new Authorization(log, policy);
    this.clients = new Clients(this.#loop, this);
    try {
      this.#acceptor = new Acceptor({
        fd: control.descriptor.fd,
        loop: this.#loop,
        clients: this.clients,
        limits,
        counters: this.counters,
        log,
      });
    } catch (error) {
      this.#loop[Symbol.dispose]();
      throw error;
    }
    this.drain(log);
    openEarly();
  }

  /** Aborted by {@linkcode Daemon.stop}. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The answer to the method `status`. */
  status(): Status {
    const { control, binds, clients, origin, limits, counters, log } = this;
    return statusMethod({
      ...origin,
      generationStartedAt: this.#generationStartedAt,
      path: control.path,
      binds: binds.size,
      clients: clients.size,
      limits,
      counters,
      authorization: this.authorization,
      log: log.missing(),
    });
  }

  /** Serves until {@linkcode Daemon.stop}, then closes everything. */
  async run(): Promise<void> {
    try {
      await this.#loop.run(() => {
        this.#acceptor.acceptWaiting();
        return this.clients.endTurn();
      });
    } finally {
      this.close();
    }
  }

  /** Ends {@linkcode Daemon.run}. */
  stop(): void {
    if (this.signal.aborted) return;
    this.#stopping.abort();
    if (!this.#closed) this.#loop.stop();
  }

  /**
   * Calls `action` whenever `fd` is readable. The caller keeps the descriptor. An
   * error in `action` does not stop the daemon.
   */
  watch(fd: number, action: () => void): void {
    this.#loop.watch(fd, Interest.READ, () => {
      try {
        action();
      } catch (error) {
        logInternalError(this.log, error);
      }
    });
  }

  /** Has the event loop write what waits for a slow reader. */
  drain(output: Output): void {
    this.#outputs.push(output);
    output.attach(this.#loop);
  }

  /** Reports that the event loop turns. Call it before {@linkcode Daemon.run}. */
  report(heartbeat: Heartbeat): void {
    this.#loop.heartbeat = heartbeat;
  }

  /** Closes everything; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acceptor[Symbol.dispose]();
    this.clients.close();
    this.control.close();
    this.binds.close();
    for (const output of this.#outputs) output.detach();
    this.#loop[Symbol.dispose]();
    for (const output of this.#outputs) output.flush(EXIT_PATIENCE);
  }

  /** Same as {@linkcode Daemon.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
