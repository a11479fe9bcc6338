/**
 * When a HAProxy is ready.
 *
 * HAProxy does not say so: in the foreground it writes no pid file, and only
 * a master tells sd_notify(3). But it sends SIGUSR1 to every PID of its `-sf`
 * list, and not before all its listeners are bound (management.txt, section
 * 4; in haproxy.c tell_old_pids() comes after protocol_bind_all(), and since
 * 3.1 a master does it when its worker has said that it is ready). So the list
 * has one more PID, that of a sentinel: a child that does nothing but wait,
 * and that SIGUSR1 ends. Its end is an event that we wait for as for any
 * child's. The signal is sent before HAProxy changes its user, so that it
 * arrives whoever HAProxy becomes.
 *
 * HAProxy also sends SIGTTOU and SIGTTIN to the list, to have the old ones let
 * go of a port that it cannot bind and take it again, which would stop a
 * process that does not ignore them.
 *
 * @module
 */
import type { Ending } from "../ffi/child_process.ts";
import { waitReady } from "../ffi/readiness.ts";
import { signalNumber } from "../ffi/signal_numbers.ts";
import { socketPair } from "../ffi/socket_pair.ts";
import { Child } from "./child.ts";

/**
 * Says that it ignores the signals, then waits for the end of its input, which
 * comes as well when this program ends by whatever.
 */
const SCRIPT = "trap '' TTOU TTIN; echo; read -r _";

const SHELL = "/bin/sh";

/** Far longer than a shell takes to start on a busy machine, in ms. */
const PATIENCE = 60_000;

/** How a sentinel ended. */
export type Relief =
  /** HAProxy is ready. */
  | "told"
  /** HAProxy has told nobody. */
  | "dismissed"
  /** It has ended by something else: nobody knows. */
  | "lost";

/** A process whose end by SIGUSR1 means that a HAProxy is ready. */
export class Sentinel {
  readonly pid: number;
  /** How it ended, once it has. */
  readonly relief: Promise<Relief>;
  readonly #hangUp: () => void;
  #dismissed = false;

  private constructor(child: Child, hangUp: () => void) {
    this.pid = child.pid;
    this.#hangUp = hangUp;
    this.relief = child.ended.then((ending) => {
      hangUp();
      return this.#reliefOf(ending);
    });
  }

  #reliefOf(ending: Ending): Relief {
    if ("code" in ending) return this.#dismissed ? "dismissed" : "lost";
    return ending.signal === signalNumber("SIGUSR1") ? "told" : "lost";
  }

  /**
   * Starts one that is on watch.
   *
   * @throws {StartError}
   */
  static async start(): Promise<Sentinel> {
    const [ours, its] = socketPair();
    using _its = its;
    try {
      const child = new Child({
        command: SHELL,
        args: ["-c", SCRIPT, "multibinder-haproxy-sentinel"],
        environment: [],
        descriptors: new Map<number, number | string>([
          [0, its.fd],
          [1, its.fd],
          [2, "/dev/null"],
        ]),
      });
      const sentinel = new Sentinel(child, () => ours.close());
      await waitReady(ours.fd, "read", PATIENCE);
      return sentinel;
    } catch (error) {
      ours.close();
      throw error;
    }
  }

  /**
   * Ends it, unless it was told before: a signal that waits for it is
   * delivered before it comes to its end.
   */
  dismiss(): Promise<Relief> {
    this.#dismissed = true;
    this.#hangUp();
    return this.relief;
  }
}
