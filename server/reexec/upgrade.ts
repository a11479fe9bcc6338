import { canOpen } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { executable } from "../../ffi/processes/executable.ts";
import { descriptorLimit } from "../../ffi/processes/process.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { replaceProgram, stateOf } from "./handoff.ts";
import { reasonOf } from "../log/internal_errors.ts";
import { encodeState } from "./state.ts";
import { checkNewVersion, mayCheck } from "./version_check.ts";

/** What an upgrade tells others. */
export interface UpgradeObserver {
  /** It begins. */
  began(): void;
  /** It came to nothing: this generation goes on. */
  abandoned(): void;
}

/** Deno that starts opens so many descriptors, and panics where it cannot. */
const STARTING_DENO = 32;

/**
 * Upgrades of the daemon, one at a time: the new version is checked beside the
 * old one where that is permitted, then takes its place.
 */
export class Upgrade {
  readonly #daemon: Daemon;
  readonly #observer: UpgradeObserver;
  #underWay = false;
  #again = false;

  /** Upgrades `daemon`. */
  constructor(daemon: Daemon, observer: UpgradeObserver) {
    this.#daemon = daemon;
    this.#observer = observer;
    // A link that started us is recognised only while it still leads to us.
    const program = executable();
    if (daemon.origin.generation === 1 && !mayCheck()) {
      daemon.log.warn("a new version is not checked before it takes over", {
        remedy: `--allow-run=${program}`,
      });
    }
  }

  /**
   * Begins an upgrade. A request while one is under way has the check begin
   * anew: what was checked may not be the newest code any more.
   */
  async request(): Promise<void> {
    this.#again = true;
    if (this.#underWay) return;
    this.#underWay = true;
    this.#observer.began();
    const failure = await this.#attempt().catch(reasonOf);
    this.#underWay = false;
    // The daemon was ended meanwhile, and the check with it.
    if (failure === undefined) return;
    this.#observer.abandoned();
    this.#daemon.log.error("upgrade abandoned, this generation goes on", {
      reason: failure,
    });
  }

  async #attempt(): Promise<string | undefined> {
    const { signal } = this.#daemon;
    while (this.#again && mayCheck() && !signal.aborted) {
      this.#again = false;
      const state = encodeState(stateOf(this.#daemon));
      const failure = await checkNewVersion(state, signal);
      // A request that came meanwhile may be for a version that was mended.
      if (failure !== undefined && !signal.aborted && !this.#again) {
        return failure;
      }
    }
    try {
      if (!canOpen(STARTING_DENO)) {
        return `Deno needs ${STARTING_DENO} descriptors to start, and the limit is ${descriptorLimit().soft}`;
      }
      if (!signal.aborted) replaceProgram(this.#daemon);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      return error.message;
    }
    return undefined;
  }
}
