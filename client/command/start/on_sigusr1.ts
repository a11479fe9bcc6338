import { waitReady } from "../../../ffi/files/readiness.ts";
import { SignalDescriptor } from "../../../ffi/processes/signal_descriptor.ts";

/**
 * Calls `action` at each SIGUSR1, which `withstandSignals` has blocked. A listener of
 * Deno does not get a blocked signal.
 */
export function onSigusr1(action: () => void): Disposable {
  const ended = new AbortController();
  listen(new SignalDescriptor(["SIGUSR1"]), action, ended.signal);
  return { [Symbol.dispose]: () => ended.abort() };
}

async function listen(
  descriptor: SignalDescriptor,
  action: () => void,
  signal: AbortSignal,
): Promise<void> {
  using received = descriptor;
  while (!signal.aborted) {
    await waitReady(received.fd, "read", Infinity, signal);
    if (received.take() !== undefined) action();
  }
}
