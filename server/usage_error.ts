/** A command line that cannot be made sense of. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}
