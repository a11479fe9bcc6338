import { type Address, formatAddress, hasHost } from "../../address.ts";
import { BindError } from "./errors.ts";

/**
 * The error of one among several addresses: what the daemon says of a wrong
 * option does not say of which.
 */
export function namingAddress(error: unknown, address: Address): unknown {
  if (!(error instanceof BindError)) return error;
  const { code, message, data } = error;
  const name = formatAddress(address);
  const said = hasHost(address) ? name : address.path;
  if (message.includes(said)) return error;
  return new BindError({ code, message: `${name}: ${message}`, data });
}
