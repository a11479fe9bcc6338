import {
  socketInode,
  waitingConnections,
} from "../../../ffi/sockets/accept_queue.ts";
import type { Service } from "../../../supervisor/service.ts";
import type { WorkerSockets } from "../../../supervisor/workers/worker_sockets.ts";
import { type BindDescription, ErrorCode } from "../../../protocol.ts";
import { BindError } from "../../session/errors.ts";
import { connect, type Session } from "../../session/session.ts";
import { isInUse } from "../address_in_use.ts";
import { canBeSharded } from "../options/socket_options.ts";
import {
  FetchedSockets,
  FetchError,
  type FetchOptions,
} from "./fetched_sockets.ts";
import type { RequestedSocket } from "./launch.ts";

/** How to get the sockets of workers, and to start one with them. */
export interface ShardedOptions {
  sockets: readonly RequestedSocket[];
  fetch: Omit<FetchOptions, "shard" | "signal">;
  /** What the worker with these sockets executes. */
  service: (index: number, descriptors: readonly number[]) => Service;
}

/** `run` keeps its sockets when the daemon that made them has crashed. */
function explained(error: unknown): unknown {
  const cause = error instanceof FetchError ? error.cause : error;
  if (!isInUse(cause)) return error;
  return new Error(
    `${
      (error as Error).message
    }: this daemon does not have the sockets of run, which another daemon has made: end run and start it again`,
    { cause },
  );
}

/**
 * The sockets of the workers of `run`: a shard of each TCP address, and the
 * daemon's one socket of every other address. A session with the daemon is opened
 * for each change.
 */
export class ShardedSockets implements WorkerSockets, Disposable {
  readonly #options: ShardedOptions;
  readonly #sharded: readonly string[];
  readonly #fetched = new Map<number, FetchedSockets>();
  #leftOver: readonly number[] = [];

  private constructor(options: ShardedOptions) {
    this.#options = options;
    this.#sharded = options.sockets
      .map(({ address }) => address)
      .filter(canBeSharded);
  }

  /**
   * Asks for the sockets of the first workers.
   *
   * @param count how many; `undefined` for one worker with the socket that every
   * program gets for the address
   * @throws {FetchError} if a socket is refused.
   * @throws {TimeoutError} if there is no daemon.
   */
  static async fetch(
    count: number | undefined,
    signal: AbortSignal,
    options: ShardedOptions,
  ): Promise<ShardedSockets> {
    const sockets = new ShardedSockets(options);
    try {
      for (let index = 0; index < (count ?? 1); index++) {
        await sockets.#fetch(index, count, signal);
      }
      await sockets.#findLeftOver(count, signal);
      return sockets;
    } catch (error) {
      sockets[Symbol.dispose]();
      throw error;
    }
  }

  async #fetch(
    index: number,
    shards: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const fetched = await FetchedSockets.fetch(this.#options.sockets, {
      ...this.#options.fetch,
      signal,
      ...(shards !== undefined && { shard: { shard: index, shards } }),
    });
    this.#fetched.get(index)?.[Symbol.dispose]();
    this.#fetched.set(index, fetched);
  }

  /** See {@linkcode WorkerSockets.service}. */
  service(index: number): Service {
    return this.#options.service(index, this.#fetched.get(index)!.descriptors);
  }

  /** See {@linkcode WorkerSockets.prepare}. */
  async prepare(
    index: number,
    active: number,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#fetch(index, active, signal);
    } catch (error) {
      // The sockets before the one that was refused.
      if (error instanceof FetchError) await this.#releaseShards(index, signal);
      throw explained(error);
    }
  }

  /** See {@linkcode WorkerSockets.activate}. */
  async activate(count: number, signal: AbortSignal): Promise<void> {
    if (this.#sharded.length === 0) return;
    using session = await this.#connect(signal);
    const bindings = await session.bindAll(
      this.#sharded.map((address) => ({ address, shard: 0, shards: count })),
      { signal },
    ).catch((error) => {
      throw explained(error);
    });
    for (const binding of bindings) binding.close();
  }

  /** See {@linkcode WorkerSockets.waiting}. */
  waiting(index: number): number {
    const descriptors = this.#fetched.get(index)?.descriptors ?? [];
    return descriptors
      .filter((_, at) => canBeSharded(this.#options.sockets[at]!.address))
      .map((fd) => waitingConnections(fd, "tcp") ?? 0)
      .reduce((sum, waiting) => sum + waiting, 0);
  }

  /** See {@linkcode WorkerSockets.release}. */
  async release(index: number, signal: AbortSignal): Promise<void> {
    const fetched = this.#fetched.get(index);
    if (fetched === undefined) return;
    this.#fetched.delete(index);
    fetched[Symbol.dispose]();
    await this.#releaseShards(index, signal);
  }

  async #releaseShards(index: number, signal: AbortSignal): Promise<void> {
    if (this.#sharded.length === 0) return;
    using session = await this.#connect(signal);
    for (const address of this.#sharded) {
      try {
        await session.release(address, { shard: index, signal });
      } catch (error) {
        if (!isUnknownBind(error)) throw error;
      }
    }
  }

  /** See {@linkcode WorkerSockets.leftOver}. */
  get leftOver(): readonly number[] {
    return this.#leftOver;
  }

  #connect(signal: AbortSignal): Promise<Session> {
    const { sock, timeout } = this.#options.fetch;
    return connect({ signal, sock, timeout });
  }

  /**
   * Finds the sockets of a larger group that an earlier `run` has left, and keeps
   * new connections away from them.
   */
  async #findLeftOver(
    count: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#sharded.length === 0) return;
    const first = count ?? 1;
    const found = new Set<number>();
    for (const shard of this.#shardsIn(await this.#list(signal))) {
      if (shard >= first) found.add(shard);
    }
    if (found.size === 0) return;
    if (count === undefined) await this.activate(first, signal);
    this.#leftOver = [...found];
  }

  /** What the daemon holds; nothing if it does not say so. */
  async #list(signal: AbortSignal): Promise<readonly BindDescription[]> {
    try {
      using session = await this.#connect(signal);
      return await session.list({ signal });
    } catch (error) {
      signal.throwIfAborted();
      // The policy may deny it, and the Ruby server does not know it.
      if (!(error instanceof BindError)) {
        const { notice } = this.#options.fetch;
        notice(`cannot look for sockets of earlier workers: ${error}`);
      }
      return [];
    }
  }

  /** The shards of the groups of which the first worker has a socket. */
  *#shardsIn(list: readonly BindDescription[]): Iterable<number> {
    const ours = new Set(this.#fetched.get(0)!.descriptors.map(socketInode));
    const groups = new Set(
      list.filter(({ inode }) => ours.has(inode)).map(groupOf),
    );
    for (const bind of list) {
      const { shard } = bind.options;
      if (shard !== undefined && groups.has(groupOf(bind))) yield shard;
    }
  }

  /** Closes this program's copies. */
  [Symbol.dispose](): void {
    for (const fetched of this.#fetched.values()) fetched[Symbol.dispose]();
    this.#fetched.clear();
  }
}

function isUnknownBind(error: unknown): boolean {
  return error instanceof BindError && error.code === ErrorCode.NO_SUCH_BIND;
}

/** What the sockets of a group have in common. */
function groupOf(
  { kind, address, options: { v6only, device } }: BindDescription,
): string {
  return JSON.stringify([kind, address, v6only, device]);
}
