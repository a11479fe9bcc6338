/**
 * The command that runs a program of root without CAP_NET_ADMIN and CAP_NET_RAW;
 * since Linux 5.17 some options need only one of them.
 */
export const WITHOUT_NET_ADMIN: readonly string[] = Deno.uid() === 0
  ? [
    "setpriv",
    "--bounding-set=-net_admin,-net_raw",
    "--inh-caps=-net_admin,-net_raw",
  ]
  : [];
