/** A command line that makes no sense: exit status 2. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}
