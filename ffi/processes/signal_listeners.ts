/** Calls `listener` at each of the signals, until the result is disposed. */
export function onSignals(
  signals: readonly Deno.Signal[],
  listener: (signal: Deno.Signal) => void,
): Disposable {
  const stack = new DisposableStack();
  for (const signal of signals) {
    const onSignal = () => listener(signal);
    Deno.addSignalListener(signal, onSignal);
    stack.defer(() => Deno.removeSignalListener(signal, onSignal));
  }
  return stack;
}
