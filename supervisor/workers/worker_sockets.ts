import type { Service } from "../service.ts";

/**
 * The sockets of workers. Each worker has its own socket of every address that
 * several sockets can share, and they share the other sockets.
 */
export interface WorkerSockets {
  /** What a worker executes, with its sockets. */
  service(index: number): Service;
  /**
   * Gets the sockets of one worker more. The kernel gives them no connections
   * until {@linkcode WorkerSockets.activate}.
   *
   * @param active how many workers get new connections
   */
  prepare(index: number, active: number, signal: AbortSignal): Promise<void>;
  /** Has new connections go to the first `count` workers, and to no others. */
  activate(count: number, signal: AbortSignal): Promise<void>;
  /** The number of connections that wait for this worker alone. */
  waiting(index: number): number;
  /** Closes the sockets of a worker, also in the daemon. */
  release(index: number, signal: AbortSignal): Promise<void>;
  /** Workers of an earlier group that was larger, whose sockets are held. */
  readonly leftOver: readonly number[];
}
