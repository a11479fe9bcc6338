import { isPeerClosed } from "../../../ffi/files/peer_closed.ts";
import {
  isReaderGone,
  OutputError,
  printErrors,
} from "../../../ffi/files/standard_streams.ts";
import { withstandSignals } from "../../../ffi/processes/block_signals.ts";
import { onSignals } from "../../../ffi/processes/signal_listeners.ts";
import { ProtocolError } from "../../../exchange.ts";
import type { CallOptions } from "../../session/options.ts";
import { connect, type Session } from "../../session/session.ts";
import { socketPath } from "../../session/socket_path.ts";

/** Options of {@linkcode watch}. */
export interface Watch {
  /** Option `--sock`. */
  sock: string | undefined;
  /** The pause between two outputs, in ms. */
  interval: number;
  /** The text of one output. */
  render: (session: Session, options: CallOptions) => Promise<string>;
}

/** After this time without an answer the wait is reported, in ms. */
const NOTICE_DELAY = 1000;

/** The pause before a failed request is repeated, in ms. */
const RETRY_PAUSE = 100;

const STANDARD_OUTPUT = 1;

/**
 * Prints repeatedly until SIGINT, SIGTERM or the end of the reader of standard
 * output. Waits for a daemon that does not listen.
 *
 * @returns the exit status.
 */
export async function watch(
  { sock, interval, render }: Watch,
): Promise<number> {
  withstandSignals();
  const path = socketPath(sock);
  const stop = new AbortController();
  const { signal } = stop;
  using _signals = onSignals(["SIGINT", "SIGTERM"], () => stop.abort());
  const notice = () => {
    printErrors(`waiting for the daemon at ${path}`);
  };
  const checkReader = () => {
    if (isPeerClosed(STANDARD_OUTPUT)) stop.abort();
  };
  using _reader = every(Math.min(interval, NOTICE_DELAY), checkReader);
  const options = { timeout: Infinity, signal };
  try {
    using session = await retried(
      () => connect({ sock: path, ...options }),
      notice,
      signal,
    );
    while (true) {
      const text = await retried(
        () => render(session, options),
        notice,
        signal,
      );
      if (!await write(text, signal)) return 0;
      await pause(interval, signal);
    }
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  }
}

/**
 * Repeats `work` if the daemon ends in the middle of an answer. Calls `notice`
 * once if it takes longer than {@linkcode NOTICE_DELAY} ms.
 */
async function retried<T>(
  work: () => Promise<T>,
  notice: () => void,
  signal: AbortSignal,
): Promise<T> {
  const timer = setTimeout(notice, NOTICE_DELAY);
  try {
    while (true) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        await pause(RETRY_PAUSE, signal);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

function every(interval: number, tick: () => void): Disposable {
  const timer = setInterval(tick, interval);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A promise that rejects with the signal's reason when it aborts. */
function abortPromise(signal: AbortSignal): {
  aborted: Promise<never>;
} & Disposable {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = () => reject(signal.reason);
  // After the race nothing handles the rejection.
  aborted.catch(() => {});
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener);
  return {
    aborted,
    [Symbol.dispose]: () => signal.removeEventListener("abort", listener),
  };
}

async function pause(duration: number, signal: AbortSignal): Promise<void> {
  using abort = abortPromise(signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, duration);
  });
  try {
    await Promise.race([over, abort.aborted]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Writes to standard output. The signal ends a write that the reader blocks.
 *
 * @returns whether there is a reader.
 * @throws {OutputError} for another failure, such as a full disk.
 */
async function write(text: string, signal: AbortSignal): Promise<boolean> {
  using abort = abortPromise(signal);
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    const written = Deno.stdout.write(rest).catch((error: Error) => {
      if (isReaderGone(error)) return undefined;
      throw new OutputError(error);
    });
    const count = await Promise.race([written, abort.aborted]);
    if (count === undefined) return false;
    rest = rest.subarray(count);
  }
  return true;
}
