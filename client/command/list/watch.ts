import { hasHungUp } from "../../../ffi/processes/hang_up.ts";
import { ProtocolError } from "../../../exchange.ts";
import type { CallOptions } from "../../session/options.ts";
import { connect, type Session } from "../../session/session.ts";
import { socketPath } from "../../session/socket_path.ts";

/** What is watched, and how. */
export interface Watch {
  /** Option `--sock`. */
  sock: string | undefined;
  /** From one turn to the next, in ms. */
  interval: number;
  /** What to print at one turn. */
  look: (session: Session, options: CallOptions) => Promise<string>;
}

/** How long a daemon may take before somebody wonders, in ms. */
const PATIENCE = 1000;

/** Before an answer that came to nothing is asked for again, in ms. */
const RETRY_PAUSE = 100;

const STANDARD_OUTPUT = 1;

/**
 * Looks again and again, until SIGINT, SIGTERM or the end of whoever reads
 * standard output. A daemon that is not there is waited for.
 *
 * @returns the exit status.
 */
export async function watch({ sock, interval, look }: Watch): Promise<number> {
  const path = socketPath(sock);
  const stop = new AbortController();
  const { signal } = stop;
  using _signals = onSignals(["SIGINT", "SIGTERM"], () => stop.abort());
  const wait = () => {
    console.error(`waiting for the daemon at ${path}`);
  };
  const tick = () => {
    if (hasHungUp(STANDARD_OUTPUT)) stop.abort();
  };
  using _reader = every(Math.min(interval, PATIENCE), tick);
  const options = { timeout: Infinity, signal };
  try {
    using session = await patiently(
      () => connect({ sock: path, ...options }),
      wait,
      signal,
    );
    while (true) {
      const text = await patiently(() => look(session, options), wait, signal);
      await write(text, signal);
      await pause(interval, signal);
    }
  } catch (error) {
    const ended = signal.aborted || error instanceof Deno.errors.BrokenPipe;
    if (!ended) throw error;
    return 0;
  }
}

/**
 * Says so, once, when `work` takes long, and begins it again when the daemon
 * ends in the middle of an answer.
 */
async function patiently<T>(
  work: () => Promise<T>,
  wait: () => void,
  signal: AbortSignal,
): Promise<T> {
  const timer = setTimeout(wait, PATIENCE);
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

function onSignals(
  names: readonly Deno.Signal[],
  listener: () => void,
): Disposable {
  const stack = new DisposableStack();
  for (const name of names) {
    Deno.addSignalListener(name, listener);
    stack.defer(() => Deno.removeSignalListener(name, listener));
  }
  return stack;
}

function every(interval: number, tick: () => void): Disposable {
  const timer = setInterval(tick, interval);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Rejects with the signal's reason when it is aborted. */
function abortion(signal: AbortSignal): {
  aborted: Promise<never>;
} & Disposable {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = () => reject(signal.reason);
  // Nobody waits for it once the race is over.
  aborted.catch(() => {});
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener);
  return {
    aborted,
    [Symbol.dispose]: () => signal.removeEventListener("abort", listener),
  };
}

async function pause(duration: number, signal: AbortSignal): Promise<void> {
  using abort = abortion(signal);
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

/** Also a reader that reads no more must not keep us from ending. */
async function write(text: string, signal: AbortSignal): Promise<void> {
  using abort = abortion(signal);
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    const written = Deno.stdout.write(rest);
    rest = rest.subarray(await Promise.race([written, abort.aborted]));
  }
}
