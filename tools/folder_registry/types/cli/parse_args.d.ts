/**
 * What this project uses of `@std/cli/parse-args`, at least as strict as the
 * real declaration. `default`, `alias`, `negatable` and dotted names are left
 * out. Every flag is optional: the real type says so of lists of names that are
 * known at run time only.
 */

/** The conditional type also rejects lists that are generic, as the real one does. */
type FlagName<Name extends string> = Name extends `${string}.${string}` ? never
  : Name;

export function parseArgs<
  // The real type parameters have another order, so nobody may write these out.
  Inferred extends never = never,
  Booleans extends string = never,
  Strings extends string = never,
  Collected extends Booleans | Strings = never,
>(
  args: readonly string[],
  options: {
    boolean?: ReadonlyArray<FlagName<Booleans>>;
    string?: ReadonlyArray<FlagName<Strings>>;
    collect?: ReadonlyArray<FlagName<Collected>>;
    unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  },
):
  & Record<string, unknown>
  & { [Name in Exclude<Booleans, Collected>]?: boolean }
  & { [Name in Extract<Booleans, Collected>]?: boolean[] }
  & { [Name in Exclude<Strings, Collected>]?: string }
  & { [Name in Extract<Strings, Collected>]?: string[] }
  & { _: Array<string | number> };

// Without this, everything in a declaration file is exported.
export {};
