/**
 * Types of `parseArgs` of `@std/cli` 1.0, because the npm copy of its code has
 * none. Written by hand after the documented behaviour; only the closed-network
 * folder registry serves them. They are a little stricter than the real ones
 * (`unknown` where those say `any`, no dotted names), so code that checks here
 * checks on JSR.
 */

type Names<N extends string> = N | ReadonlyArray<N>;
type Simplify<T> = { [K in keyof T]: T[K] };

type Negated<N, Negatable> = N extends Negatable ? false : never;

/** A flag of type T: collected into an array, or the last one given. */
type StringFlags<S extends string, C extends string, N extends string> =
  & { [K in Extract<S, C>]: string[] | Negated<K, N> }
  & { [K in Exclude<S, C>]?: string | Negated<K, N> };
type BooleanFlags<B extends string, C extends string> =
  & { [K in Extract<B, C>]: boolean[] }
  & { [K in Exclude<B, C>]: boolean };
type OtherCollected<C extends string, N extends string> = {
  [K in C]: unknown[] | Negated<K, N>;
};

type WithDefaults<Flags, Defaults> =
  & { [K in Exclude<keyof Flags, keyof Defaults>]: Flags[K] }
  & {
    [K in keyof Defaults]: K extends keyof Flags
      ? NonNullable<Flags[K]> | Defaults[K]
      : unknown;
  };

type WithAliases<Flags, Aliases> =
  & Flags
  & {
    [K in keyof Flags as K extends keyof Aliases ? AliasOf<Aliases[K]> : never]:
      Flags[K];
  };
type AliasOf<A> = A extends string ? A
  : A extends ReadonlyArray<infer One extends string> ? One
  : never;

type DoubleDash<D extends boolean> = D extends true ? { "--": string[] }
  : Record<never, never>;

/** What `parseArgs` gives. */
export type Args<
  Flags = Record<string, unknown>,
  D extends boolean = false,
> = Simplify<Flags & { _: Array<string | number> } & DoubleDash<D>>;

/** What `parseArgs` is told. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  N extends string = string,
  Defaults extends Record<string, unknown> = Record<string, unknown>,
  Aliases extends Record<string, string | readonly string[]> = Record<
    string,
    string | readonly string[]
  >,
  D extends boolean = boolean,
> {
  "--"?: D;
  alias?: Aliases;
  boolean?: boolean | Names<B>;
  default?: Defaults;
  stopEarly?: boolean;
  string?: Names<S>;
  collect?: Names<C>;
  negatable?: Names<N>;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  N extends string = never,
  Defaults extends Record<string, unknown> = Record<never, never>,
  const Aliases extends Record<string, string | readonly string[]> = Record<
    never,
    never
  >,
  D extends boolean = false,
>(
  args: string[],
  options?: ParseOptions<B, S, C, N, Defaults, Aliases, D>,
): Args<
  & Record<string, unknown>
  & WithAliases<
    WithDefaults<
      & StringFlags<S, C, N>
      & BooleanFlags<B, C>
      & OtherCollected<Exclude<C, S | B>, N>,
      Defaults
    >,
    Aliases
  >,
  D
>;
