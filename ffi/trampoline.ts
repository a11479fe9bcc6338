/**
 * Functions of a library, opened in a tenth of the time that Deno takes.
 *
 * For each function that is named to dlopen Deno compiles a trampoline, some
 * 0.2 ms, unless the function is given a struct; then every call takes 0.2 us
 * longer. A start calls thirty functions a few times each. So a function is
 * given a struct behind its own arguments first: what is behind those it knows
 * of no function looks at, and the caller takes it away again (the calling
 * conventions of x86_64 and aarch64 alike). One that is called often gets its
 * trampoline then.
 *
 * @module
 */

/** A function of a library. */
export type Callable = (...args: readonly unknown[]) => unknown;

/** The call before which the trampoline is compiled. */
const OFTEN = 100;

const UNUSED: Deno.NativeType = { struct: ["i32"] };
const unused = new Uint8Array(4);

/** A function with its trampoline, or one that returns a promise. */
export function openAtOnce(
  path: string,
  name: string,
  symbol: Deno.ForeignFunction,
): Callable {
  const table: Deno.ForeignLibraryInterface = { [name]: symbol };
  return Deno.dlopen(path, table).symbols[name] as Callable;
}

/**
 * A function without a trampoline. When it was called often, `replace` is given
 * the same one with a trampoline, to be called from then on. To open that one
 * changes errno, before the call.
 */
export function openLightly(
  path: string,
  name: string,
  symbol: Deno.ForeignFunction,
  replace: (successor: Callable) => void,
): Callable {
  const parameters = [...symbol.parameters, UNUSED];
  const call = openAtOnce(path, name, { ...symbol, parameters });
  let calls = 0;
  return (...args) => {
    if (++calls === OFTEN) {
      try {
        replace(openAtOnce(path, name, symbol));
      } catch {
        // The permission was given up: this one goes on.
      }
    }
    return call(...args, unused);
  };
}
