const encoder = new TextEncoder();

/** Writes lines to standard output, all of them. */
export function say(...lines: string[]): void {
  let rest = encoder.encode(lines.map((line) => line + "\n").join(""));
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}
