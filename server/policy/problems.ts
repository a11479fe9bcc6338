import { type Place, PlaceError } from "./located_json.ts";
import { PolicyError, type PolicyProblem } from "./policy.ts";

/** The errors of a policy file, so that all of them can be shown at once. */
export class Problems {
  readonly #found: PolicyProblem[] = [];

  /** Adds an error. */
  add({ line, column }: Place, reason: string): void {
    this.#found.push({ line, column, reason });
  }

  /** Adds the error of `read`, which then has no result. */
  catch<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof PlaceError)) throw error;
      this.add(error.place, error.message);
      return undefined;
    }
  }

  /** Reads a value that may be missing. */
  of<V, T>(value: V | undefined, read: (value: V) => T): T | undefined {
    return value === undefined ? undefined : this.catch(() => read(value));
  }

  /** Reads each value; those with errors are left out. */
  each<V, T>(values: readonly V[], read: (value: V) => T): T[] {
    return values.flatMap((value) => this.catch(() => [read(value)]) ?? []);
  }

  /**
   * Throws if there are errors.
   *
   * @throws {PolicyError}
   */
  throwAny(path: string): void {
    const [first, ...more] = this.#found.toSorted((one, other) =>
      one.line - other.line || one.column - other.column
    );
    if (first !== undefined) throw new PolicyError(path, [first, ...more]);
  }
}
