import { canOpen } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { executable } from "../../ffi/processes/executable.ts";
import { descriptorLimit } from "../../ffi/processes/process.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { replaceProgram, stateOf } from "./handoff.ts";
import { reasonOf } from "../log/internal_errors.ts";
import { encodeState } from "./state.ts";
import { checkNewVersion } from "./version_check.ts";

/** Is notified of upgrades. */
export interface UpgradeObserver {
  /** An upgrade begins. */
  began(): void;
  /** A check has ended: signals that arrived before its end count before it. */
  checked(): void;
  /** The next generation is about to be executed. */
  replacing(): void;
  /** An upgrade failed: this generation continues to serve. */
  abandoned(): void;
}

/** Deno opens this many descriptors at its start, and panics if it cannot. */
const STARTUP_DESCRIPTORS = 32;

/**
 * Upgrades the daemon, once at a time. The new version is checked beside the
 * old one, then replaces it.
 */
export class Upgrade {
  readonly #daemon: Daemon;
  readonly #observer: UpgradeObserver;
  /** An upgrade is requested for which no check has begun. */
  #isRequested = false;

  constructor(daemon: Daemon, observer: UpgradeObserver) {
    this.#daemon = daemon;
    this.#observer = observer;
    // executable() finds the path of this program only if nothing has replaced
    // it since the start.
    executable();
  }

  /**
   * Begins an upgrade. A request during an upgrade restarts the check, because
   * the checked code may be outdated.
   */
  async request(): Promise<void> {
    this.#isRequested = true;
    const { upgrades } = this.#daemon.counters;
    if (upgrades.running) return;
    upgrades.running = true;
    this.#observer.began();
    const failure = await this.#attempt().catch(reasonOf);
    upgrades.running = false;
    // The daemon was stopped, and the check with it.
    if (failure === undefined) return;
    upgrades.abandoned++;
    upgrades.reason = failure;
    this.#observer.abandoned();
    this.#daemon.log.error("upgrade abandoned", {
      reason: failure,
    });
  }

  async #attempt(): Promise<string | undefined> {
    const { signal } = this.#daemon;
    while (this.#isRequested && !signal.aborted) {
      this.#isRequested = false;
      const failure = shortageOfDescriptors() ?? await this.#check();
      // A stop that also ended the check is not a failed check.
      this.#observer.checked();
      // A request during the check may be for a corrected version.
      if (failure !== undefined && !signal.aborted && !this.#isRequested) {
        return failure;
      }
    }
    if (signal.aborted) return undefined;
    const shortage = shortageOfDescriptors();
    if (shortage !== undefined) return shortage;
    try {
      this.#observer.replacing();
      replaceProgram(this.#daemon);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      return error.message;
    }
  }

  async #check(): Promise<string | undefined> {
    const state = encodeState(stateOf(this.#daemon));
    return await checkNewVersion(state, this.#daemon.signal);
  }
}

function shortageOfDescriptors(): string | undefined {
  return canOpen(STARTUP_DESCRIPTORS)
    ? undefined
    : `Deno needs ${STARTUP_DESCRIPTORS} descriptors to start, and the limit is ${descriptorLimit().soft}`;
}
