import { AddressError, hasHost, parseAddress } from "../../address.ts";
import type { BindDescription } from "../../protocol.ts";

/**
 * The address of a bind as `release` takes it, with the options that select it,
 * and the port that the kernel chose.
 */
export function shownAddress(
  { address, bound, options }: Partial<BindDescription>,
): string {
  const { device, v6only, shard } = selectors({ address, options });
  const shown = [withDevice(address ?? "-", device)];
  if (v6only !== undefined) shown.push(`--v6only ${v6only}`);
  if (shard) shown.push(`--shard ${shard}`);
  const port = bound?.slice(bound.lastIndexOf(":") + 1);
  if (port !== undefined) shown.push(`(${port})`);
  return shown.join(" ");
}

/** What selects a socket beside its address; a default is left out. */
export function selectors(
  { address, options }: {
    address: string | undefined;
    options: Partial<BindDescription["options"]> | undefined;
  },
): { device?: string; v6only?: boolean; shard?: number } {
  const { device, v6only, shard } = options ?? {};
  return {
    ...(device !== undefined && { device }),
    ...(v6only !== undefined && v6only !== defaultV6only(address ?? "") &&
      { v6only }),
    ...(shard !== undefined && { shard }),
  };
}

function withDevice(address: string, device: string | undefined): string {
  return device === undefined || address.endsWith(`%${device}`)
    ? address
    : `${address}%${device}`;
}

/** The default of v6only: true for `[::1]:80`, false for `:80`. */
function defaultV6only(address: string): boolean | undefined {
  try {
    const parsed = parseAddress(address);
    return hasHost(parsed) ? parsed.v6only : undefined;
  } catch (error) {
    // A newer daemon may have other addresses.
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
