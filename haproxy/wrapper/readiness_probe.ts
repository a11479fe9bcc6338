/**
 * Finds out when a HAProxy is ready, which HAProxy does not say: in the
 * foreground it writes no pid file, and only a master uses sd_notify(3).
 *
 * It does send SIGUSR1 to every PID of its `-sf` list once all its listeners are
 * bound (management.txt, section 4; in haproxy.c tell_old_pids() comes after
 * protocol_bind_all(), and since 3.1 a master sends it when its worker is
 * ready). So the list has one more PID, that of a probe: a child that waits and
 * that SIGUSR1 ends. HAProxy sends the signal before it changes its user, so
 * that it may signal the probe whatever user it becomes.
 *
 * HAProxy also sends SIGTTOU and SIGTTIN to the list, so that the old processes
 * release a port that it cannot bind and take it back. These signals would stop
 * a process that does not block them.
 *
 * @module
 */
import type { Ending } from "../../ffi/processes/child_process.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";
import { socketPair } from "../../ffi/sockets/socket_pair.ts";
import { Child } from "../../supervisor/child.ts";
import { RELOAD_SIGNALS } from "../configuration/check.ts";

/** Waits for the end of its input, which also comes when this program ends. */
const SCRIPT = "read -r _";

const SHELL = "/bin/sh";

/** What a probe found out. */
export type ProbeResult =
  /** HAProxy is ready: it sent SIGUSR1. */
  | "ready"
  /** The probe was ended here, before any SIGUSR1. */
  | "not ready"
  /** The probe ended for another reason. */
  | "unknown";

/** A process that SIGUSR1 ends, as a sign that a HAProxy is ready. */
export class ReadinessProbe {
  readonly pid: number;
  /** What it found out, once it has ended. */
  readonly result: Promise<ProbeResult>;
  readonly #closeInput: () => void;
  #isEnding = false;

  private constructor(child: Child, closeInput: () => void) {
    this.pid = child.pid;
    this.#closeInput = closeInput;
    this.result = child.ended.then((ending) => this.#resultOf(ending));
  }

  #resultOf(ending: Ending): ProbeResult {
    if ("code" in ending) return this.#isEnding ? "not ready" : "unknown";
    return ending.signal === signalNumber("SIGUSR1") ? "ready" : "unknown";
  }

  /** @throws {StartError} */
  static start(): ReadinessProbe {
    const [ours, its] = socketPair();
    using _its = its;
    try {
      const child = new Child({
        command: SHELL,
        args: ["-c", SCRIPT, "multibinder-haproxy-probe"],
        environment: [],
        descriptors: new Map<number, number | string>([
          [0, its.fd],
          [1, "/dev/null"],
          [2, "/dev/null"],
        ]),
        blocked: ["SIGTTOU", "SIGTTIN", ...RELOAD_SIGNALS],
        // It keeps our user, and is never sent a signal from here.
        onSignalDenied: () => {},
      });
      return new ReadinessProbe(child, () => ours.close());
    } catch (error) {
      ours.close();
      throw error;
    }
  }

  /**
   * Ends it. A SIGUSR1 that was sent to it before still counts, since it is
   * delivered before the end of the input is read.
   */
  end(): Promise<ProbeResult> {
    this.#isEnding = true;
    this.#closeInput();
    return this.result;
  }
}
