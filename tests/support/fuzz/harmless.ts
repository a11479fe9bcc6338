/**
 * Checks that requests are harmless on a machine with other users.
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

/** Only these hosts and ports may be used. */
function isHarmlessHost(address: string, port: unknown): boolean {
  if (address === "localhost" || address === "") return port === 0;
  const numeric = canonicalHost(address);
  // The daemon refuses these two before a lookup.
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

/** Whether a request affects only the directory and the loopback addresses. */
export function isHarmless(message: unknown, directory: string): boolean {
  return [message].flat().every((each) => isHarmlessRequest(each, directory));
}
