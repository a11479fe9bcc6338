const encoder = new TextEncoder();

/** Writes lines to standard output. */
export function printLines(...lines: string[]): void {
  let rest = encoder.encode(lines.map((line) => line + "\n").join(""));
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/** Writes lines to standard output. A reader such as `head` may have ended. */
export function printIgnoringBrokenPipe(...lines: string[]): void {
  try {
    printLines(...lines);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
