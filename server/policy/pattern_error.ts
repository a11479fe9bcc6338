/** A text that is no pattern of addresses. */
export class PatternError extends Error {
  /** `PatternError`. */
  override readonly name = "PatternError";
}
