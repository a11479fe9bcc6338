/**
 * A daemon that binds listening sockets and hands them to other programs over a
 * UNIX socket. Those programs can restart without refusing a connection.
 *
 * The module is also the command line:
 *
 * ```sh
 * deno run --no-config --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 jsr:@multibinder/server /run/multibinder.sock
 * ```
 *
 * {@linkcode serve} runs the daemon inside another program.
 *
 * @module
 */
import { main } from "./server/command_line.ts";
import { requireSupportedDeno } from "./version.ts";

export type {
  Address,
  HostAddress,
  InternetKind,
  Kind,
  PathAddress,
  PathKind,
} from "./address.ts";
export { UnsupportedPlatformError } from "./ffi/libc/abi.ts";
export { OsError } from "./ffi/libc/errno.ts";
export { MissingPermissionError } from "./ffi/libc/libc.ts";
export { SocketAddressError } from "./ffi/sockets/socket_address.ts";
export type {
  PolicyStatus,
  Refusals,
  RequestCount,
  Status,
  StatusLimits,
  Upgrades,
} from "./protocol.ts";
export { ControlSocketError } from "./server/daemon/control_socket.ts";
export type { LogFormat, LogLevel } from "./server/log/log.ts";
export {
  type AccessRequest,
  type ClientCredentials,
  type Decision,
  type Policy,
  PolicyError,
  type PolicyProblem,
} from "./server/policy/policy.ts";
export { loadPolicy } from "./server/policy/load_policy.ts";
export { serve, type Server, type ServerOptions } from "./server/serve.ts";

requireSupportedDeno(import.meta.main);
if (import.meta.main) Deno.exit(await main(Deno.args));
