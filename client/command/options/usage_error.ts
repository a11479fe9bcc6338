/** The command line is invalid: exit status 2. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}
