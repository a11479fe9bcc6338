/**
 * Reads signals from a descriptor: signalfd(2). The signals must be blocked in
 * every thread, or the kernel delivers them to a thread that does not block
 * them.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "../files/descriptor.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { type MaskedSignal, signalSet } from "./signal_mask.ts";
import { signalNumber } from "./signal_numbers.ts";

const layout = abi.layouts.signalfd_siginfo;

/** A descriptor that is readable while one of the signals is pending. */
export class SignalDescriptor implements Disposable {
  readonly #descriptor: Descriptor;
  readonly #signals: readonly MaskedSignal[];
  readonly #info = new Uint8Array(layout.size);

  /** Non-blocking and close-on-exec. */
  constructor(signals: readonly MaskedSignal[]) {
    const flags = abi.SFD_NONBLOCK | abi.SFD_CLOEXEC;
    this.#signals = signals;
    this.#descriptor = new Descriptor(
      check(libc().signalfd(-1, signalSet(signals), flags), "signalfd"),
    );
  }

  /** The descriptor, readable while a signal is pending. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /**
   * Reads one signal; `undefined` when none is pending. The kernel merges
   * several pending signals with the same number. Unread signals stay pending,
   * also across an exec.
   */
  take(): MaskedSignal | undefined {
    const length = libc().read(this.fd, this.#info, BigInt(layout.size));
    if (length === -1n) {
      const errno = lastErrno();
      if (errno === Errno.EAGAIN || errno === Errno.EINTR) return undefined;
      throw new OsError("read", errno, "signalfd");
    }
    const number = viewOf(this.#info).getUint32(layout.ssi_signo, true);
    return this.#signals.find((signal) => signalNumber(signal) === number);
  }

  /** Closes the descriptor; the signals stay blocked. */
  [Symbol.dispose](): void {
    this.#descriptor.close();
  }
}
