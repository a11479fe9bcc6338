import { type Address, formatAddress, hasHost } from "../../address.ts";

/** The fields of a log line about a socket. */
export function addressFields(
  address: Address,
): { address: string; shard?: number } {
  const shard = hasHost(address) ? address.shard : undefined;
  return {
    address: formatAddress(address),
    ...(shard !== undefined && { shard }),
  };
}
