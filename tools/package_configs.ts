/** The configurations that publish, one package each. */
export const PACKAGE_CONFIGS = [
  "deno.json",
  "server.deno.json",
  "client.deno.json",
] as const;
