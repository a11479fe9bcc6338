import { formatAddress, type HostAddress } from "../address.ts";
import type { Peer } from "../ffi/socket.ts";
import { ErrorCode } from "../protocol.ts";
import type { BindContext } from "./bind_method.ts";
import { numericAddresses, readBindParams } from "./bind_params.ts";
import { RequestError } from "./request_error.ts";

/**
 * The method `release`: the daemon closes its copy of a socket. Whoever was
 * handed one keeps it.
 *
 * @throws {RequestError} 10004 when nothing is bound to that address.
 */
export function releaseMethod(
  params: unknown,
  peer: Peer,
  { binds, log }: BindContext,
): void | Promise<void> {
  const { address } = readBindParams(params);
  const release = (addresses: readonly HostAddress[]) => {
    const bind = addresses.map((each) => binds.get(each))
      .find((bind) => bind !== undefined);
    if (bind === undefined) {
      throw new RequestError(
        ErrorCode.NO_SUCH_BIND,
        `No such bind: ${formatAddress(address)}`,
      );
    }
    binds.release(bind);
    log.info("release", { address: formatAddress(bind.address), ...peer });
  };
  const addresses = numericAddresses(address);
  return addresses instanceof Promise
    ? addresses.then(release)
    : release(addresses);
}
