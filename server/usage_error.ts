/** An invalid command line. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}
