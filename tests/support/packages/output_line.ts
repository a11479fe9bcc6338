/**
 * Reads a child's output up to the line that says it is ready.
 * @module
 */

/** An output line, and the reading of the output after it. */
export interface OutputLine {
  line: string;
  /**
   * Settles when the output ends. The output is read and dropped: a closed or a
   * full pipe would change the child's behaviour.
   */
  ended: Promise<void>;
}

/** The first line of `output` that starts with `start`. */
export async function lineStartingWith(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
  start: string,
): Promise<OutputLine> {
  const reader = output.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) {
      throw new Error(
        `output ended without a line that starts with "${start}": ${seen}`,
      );
    }
    seen += value;
    const line = seen.split("\n").slice(0, -1).find((each) =>
      each.startsWith(start)
    );
    if (line !== undefined) return { line, ended: readToEnd(reader) };
  }
}

async function readToEnd(
  reader: ReadableStreamDefaultReader<string>,
): Promise<void> {
  while (!(await reader.read()).done);
}
