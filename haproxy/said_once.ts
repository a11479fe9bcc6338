/** Says each thing once. */
export class SaidOnce {
  readonly #said = new Set<string>();
  readonly #report: (line: string) => void;

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** Says it, unless it was said. */
  say(line: string): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.#report(line);
  }
}
