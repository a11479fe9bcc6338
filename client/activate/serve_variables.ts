/** Variables by which the command `serve` tells the module of `--preload` what to do. */
export const SERVE_VARIABLES = {
  /**
   * Deno's own: with it `deno run` serves `export default { fetch }` as `deno
   * serve` does.
   */
  autoServe: "DENO_AUTO_SERVE",
  /** The file of the certificate chain. */
  cert: "MULTIBINDER_CERT",
  /** The file of its key. */
  key: "MULTIBINDER_KEY",
} as const;
