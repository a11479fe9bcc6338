/**
 * Asks whether a program answers connections. Every generation accepts from the same
 * queue, so only a connection that this generation has accepted counts.
 *
 * @module
 */
import { formatDuration } from "../../duration.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { waitingConnections } from "../../ffi/sockets/accept_queue.ts";
import { socketKind } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { holdsOneOf, processTree } from "./held_sockets.ts";
import { ProbeConnection } from "./probe_connection.ts";

/** What a program is asked. */
export interface ProbeOptions {
  /** Its sockets. The first TCP or UNIX stream socket is connected to. */
  sockets: readonly number[];
  /** The path of a GET request; `undefined`: an accepted connection is enough. */
  path: string | undefined;
  /** Its process, which leads its process group. */
  pid: number;
  /** Hears that the kernel does not say which process accepts. */
  blind: (reason: string) => void;
}

/** Connections at the same time: at first, and at most. They double. */
const FEW = 4;
const MANY = 16;

/** Pauses before more connections are made, in ms. They double. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** How often to look who has accepted, in ms. */
const SHORTEST_INTERVAL = 10;
const LONGEST_INTERVAL = 100;

/** How long an answer may take before another one is tried, in ms. */
const ANSWER_TIMEOUT = 10_000;

/** Connects to a program until it is ready. */
export class ConnectionProbe {
  readonly #options: ProbeOptions;
  readonly #listener: number | undefined;
  /** Those that wait in the accept queue: they stay, or would fill it. */
  readonly #connections = new Set<ProbeConnection>();
  /** Whether it can be seen who accepts; `undefined` before the first connection. */
  #canSee: boolean | undefined;
  #lastResult = "no connection was accepted";

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#listener = options.sockets.find((fd) => {
      const kind = socketKind(fd);
      return kind === "tcp" || kind === "unix";
    });
  }

  /** Why the program is not ready yet. */
  get lastResult(): string {
    return this.#lastResult;
  }

  /** Resolves to true once the program is ready, to false if aborted before. */
  async passes(signal: AbortSignal): Promise<boolean> {
    try {
      let size = FEW;
      for (let pause = FIRST_PAUSE; !signal.aborted;) {
        this.#connect(size);
        if (await this.#isAccepted(pause, signal)) return true;
        size = Math.min(2 * size, MANY);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
      return false;
    } finally {
      for (const each of this.#connections) each[Symbol.dispose]();
    }
  }

  #connect(size: number): void {
    const listener = this.#listener;
    if (listener === undefined) {
      this.#lastResult = "there is no TCP or UNIX stream socket";
      return;
    }
    try {
      while (this.#connections.size < size) {
        this.#connections.add(new ProbeConnection(localAddress(listener)));
      }
    } catch (error) {
      // Too many for a short accept queue.
      if (this.#connections.size === 0) this.#failed(error);
      else if (!(error instanceof OsError)) throw error;
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof OsError)) throw error;
    this.#lastResult = error.message;
  }

  async #isAccepted(duration: number, signal: AbortSignal): Promise<boolean> {
    const interval = Math.min(
      Math.max(duration / 8, SHORTEST_INTERVAL),
      LONGEST_INTERVAL,
    );
    const end = performance.now() + duration;
    while (!signal.aborted && performance.now() < end) {
      await pauseFor(interval, signal);
      if (signal.aborted) break;
      const accepted = this.#accepted();
      const [first] = accepted;
      if (first === undefined) continue;
      if (await this.#answers(first, signal)) return true;
      for (const each of accepted) this.#drop(each);
    }
    return false;
  }

  /** The connections that the program has accepted. */
  #accepted(): ProbeConnection[] {
    const inodes = new Map<ProbeConnection, string>();
    for (const each of this.#connections) {
      try {
        this.#canSee ??= this.#seesThrough(each);
        if (this.#canSee === false) return this.#acceptedUnseen(each);
        const inode = each.acceptedInode;
        if (inode === undefined) this.#drop(each);
        else if (inode !== "0") inodes.set(each, inode);
      } catch (error) {
        this.#failed(error);
        this.#drop(each);
      }
    }
    try {
      return inodes.size === 0 ? [] : this.#ours(inodes);
    } catch (error) {
      // Such as EMFILE: the connections have taken the last descriptors.
      this.#failed(error);
      for (const each of inodes.keys()) this.#drop(each);
      return [];
    }
  }

  /** `undefined` before the connection is established. */
  #seesThrough(connection: ProbeConnection): boolean | undefined {
    const isReported = connection.isReported;
    if (isReported === false) {
      this.#options.blind("the kernel does not report sockets (sock_diag(7))");
    }
    return isReported;
  }

  #ours(inodes: ReadonlyMap<ProbeConnection, string>): ProbeConnection[] {
    const tree = processTree(this.#options.pid);
    const ours: ProbeConnection[] = [];
    for (const [connection, inode] of inodes) {
      const found = tree.map((pid) => holdsOneOf(pid, [`socket:[${inode}]`]));
      if (found.includes("yes")) ours.push(connection);
      else if (found.includes("denied")) {
        this.#canSee = false;
        const pid = tree[found.indexOf("denied")];
        this.#options.blind(
          `the descriptors of process ${pid} are not visible`,
        );
        return [...inodes.keys()];
      } else if (connection.othersSightings++ > 0) {
        // accept(2) adds the descriptor a little later than the inode.
        this.#lastResult = "another process has accepted the connections";
        this.#drop(connection);
      }
    }
    return ours;
  }

  /** Without knowing by which process it was accepted. */
  #acceptedUnseen(connection: ProbeConnection): ProbeConnection[] {
    if (this.#options.path !== undefined) return [connection];
    const listener = this.#listener!;
    const kind = socketKind(listener) === "unix" ? "unix" : "tcp";
    const waiting = waitingConnections(listener, kind) ?? 0;
    return waiting > 0 ? [] : [connection];
  }

  async #answers(
    connection: ProbeConnection,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { path } = this.#options;
    if (path === undefined) return true;
    try {
      const status = await connection.get(path, ANSWER_TIMEOUT, signal);
      if (typeof status === "number" && status < 400) return true;
      this.#lastResult = `GET ${path}: ${describe(status)}`;
    } catch (error) {
      this.#failed(error);
    }
    return false;
  }

  #drop(connection: ProbeConnection): void {
    this.#connections.delete(connection);
    connection[Symbol.dispose]();
  }
}

function describe(status: number | "no answer" | undefined): string {
  if (status === undefined) return "the answer is not HTTP/1";
  if (typeof status === "number") return `status ${status}`;
  return `no answer within ${formatDuration(ANSWER_TIMEOUT)}`;
}

function pauseFor(duration: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, duration);
    signal.addEventListener("abort", end);
  });
}
