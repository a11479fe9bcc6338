/** The configurations that publish, one package each. */
export const PACKAGE_CONFIGS = [
  "deno.json",
  "server.deno.json",
  "client.deno.json",
] as const;

/** The file that is the README.md of each package. */
export const READMES: Readonly<Record<string, string>> = {
  "deno.json": "README.md",
  "server.deno.json": "packages/server.md",
  "client.deno.json": "packages/client.md",
};
