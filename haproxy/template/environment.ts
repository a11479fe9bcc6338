/** The environment, used like Ruby's `ENV` where JavaScript permits it. */
export type Environment = Readonly<Record<string, unknown>>;

/**
 * `ENV['NAME']`, and `ENV.fetch('NAME', 'default')`, which throws for a missing
 * variable without a default.
 */
export function environment(
  variables: Readonly<Record<string, string>>,
): Environment {
  const fetch = (name: string, fallback?: unknown) => {
    if (Object.hasOwn(variables, name)) return variables[name];
    if (fallback !== undefined) return fallback;
    throw new Error(`the environment has no variable ${name}`);
  };
  // Without a prototype, ENV['constructor'] is undefined too.
  const methods: Record<string, unknown> = Object.create(null);
  methods.fetch = fetch;
  return Object.assign(Object.create(methods), variables);
}
