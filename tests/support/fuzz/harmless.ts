/**
 * What may be asked of a daemon on a machine that others use as well.
 *
 * @module
 */
import { dirname } from "@std/path/posix/dirname";
import { normalize } from "@std/path/posix/normalize";
import { canonicalHost } from "../../../ffi/sockets/socket_address.ts";

const PRIVATE = /^127\.77\./;
const LOOPBACK = /^127\.|^::1$|^::ffff:127\./;

function isHarmlessPath(path: string, directory: string): boolean {
  if (path.startsWith("@")) return path.startsWith(`@${directory}/`);
  return !path.startsWith("/") || dirname(normalize(path)) === directory;
}

/** No other name is looked up, no port of others taken. */
function isHarmlessHost(address: string, port: unknown): boolean {
  if (address === "localhost" || address === "") return port === 0;
  const numeric = canonicalHost(address);
  // The daemon refuses these two before it looks a name up.
  if (numeric === undefined) return /[\0%]/.test(address);
  return LOOPBACK.test(numeric.host) &&
    (port === 0 || PRIVATE.test(numeric.host));
}

function isHarmlessRequest(request: unknown, directory: string): boolean {
  if (typeof request !== "object" || request === null) return true;
  const { params } = request as { params?: unknown };
  const first: unknown = Array.isArray(params) ? params[0] : undefined;
  if (typeof first !== "object" || first === null) return true;
  const { path, address, port } = first as Record<string, unknown>;
  return (typeof path !== "string" || isHarmlessPath(path, directory)) &&
    (typeof address !== "string" || isHarmlessHost(address, port));
}

/** Whether nothing outside the directory and the loopback is touched. */
export function isHarmless(message: unknown, directory: string): boolean {
  return [message].flat().every((each) => isHarmlessRequest(each, directory));
}
