/** An invalid address pattern. */
export class PatternError extends Error {
  /** `PatternError`. */
  override readonly name = "PatternError";
}
