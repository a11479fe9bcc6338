import { AddressError, hasHost, parseAddress } from "../../address.ts";
import type { BindDescription } from "../../protocol.ts";

/**
 * The address of a held socket as `release` takes it, with what its spelling
 * does not tell, and the port that the kernel has chosen.
 */
export function shownAddress(
  { address, bound, options }: Partial<BindDescription>,
): string {
  const { device, v6only } = options ?? {};
  const shown = [withDevice(address ?? "-", device)];
  if (v6only !== undefined && v6only !== defaultOf(address ?? "")) {
    shown.push(`--v6only ${v6only}`);
  }
  const port = bound?.slice(bound.lastIndexOf(":") + 1);
  if (port !== undefined) shown.push(`(${port})`);
  return shown.join(" ");
}

function withDevice(address: string, device: string | undefined): string {
  return device === undefined || address.endsWith(`%${device}`)
    ? address
    : `${address}%${device}`;
}

/** Of `[::1]:80` it is true, of `:80` false. */
function defaultOf(address: string): boolean | undefined {
  try {
    const parsed = parseAddress(address);
    return hasHost(parsed) ? parsed.v6only : undefined;
  } catch (error) {
    // Another daemon may have another grammar.
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
