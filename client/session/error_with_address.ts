import { type Address, formatAddress, hasHost } from "../../address.ts";
import { BindError } from "./errors.ts";

/**
 * Adds the address to the message of a BindError. The daemon's message for an
 * invalid option does not name the address.
 */
export function withAddress(error: unknown, address: Address): unknown {
  if (!(error instanceof BindError)) return error;
  const { code, message, data } = error;
  const name = formatAddress(address);
  const shown = hasHost(address) ? name : address.path;
  if (message.includes(shown)) return error;
  return new BindError({ code, message: `${name}: ${message}`, data });
}
