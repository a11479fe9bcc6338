/** The environment as Ruby's `ENV` has it, as far as JavaScript can say so. */
export type Environment = Readonly<Record<string, unknown>>;

/**
 * `ENV['NAME']`, and `ENV.fetch('NAME', 'default')`, which without a default
 * throws where the variable is missing.
 */
export function environment(
  variables: Readonly<Record<string, string>>,
): Environment {
  const fetch = (name: string, otherwise?: unknown) => {
    if (Object.hasOwn(variables, name)) return variables[name];
    if (otherwise !== undefined) return otherwise;
    throw new Error(`the environment has no variable ${name}`);
  };
  // What is no variable is undefined, "constructor" as well.
  const methods: Record<string, unknown> = Object.create(null);
  methods.fetch = fetch;
  return Object.assign(Object.create(methods), variables);
}
