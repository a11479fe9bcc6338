const encoder = new TextEncoder();

/** Writes lines to standard output, all of them. */
export function say(...lines: string[]): void {
  let rest = encoder.encode(lines.map((line) => line + "\n").join(""));
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/** Writes lines; false where nobody reads them any more, as `head` does. */
export function sayToReader(...lines: string[]): boolean {
  try {
    say(...lines);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}
