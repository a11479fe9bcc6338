/**
 * What starts a program without CAP_NET_ADMIN, which root has otherwise, and
 * without CAP_NET_RAW, which has been as good for some options since Linux 5.17.
 */
export const WITHOUT_NET_ADMIN: readonly string[] = Deno.uid() === 0
  ? [
    "setpriv",
    "--bounding-set=-net_admin,-net_raw",
    "--inh-caps=-net_admin,-net_raw",
  ]
  : [];
