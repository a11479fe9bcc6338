import { type Address, AddressError, parseAddress } from "../../../address.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * Reads an address of a command line.
 *
 * @throws {UsageError} if it is invalid.
 */
export function readAddress(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    throw error;
  }
}
