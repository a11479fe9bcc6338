/**
 * Receives listening sockets from a multibinder daemon.
 *
 * ```ts no-eval
 * import { createServer } from "node:http";
 * import { bind } from "jsr:@multibinder/client";
 *
 * using web = await bind("127.0.0.1", 8000);
 * createServer((_, answer) => answer.end("hello\n")).listen({ fd: web.dup() });
 * ```
 *
 * As a program it is the command line, which passes the sockets to any other
 * program:
 *
 * ```sh
 * deno run --no-config -A jsr:@multibinder/client run 127.0.0.1:8000 -- node server.mjs
 * ```
 *
 * @module
 */
import { requireSupportedDeno } from "./version.ts";

export {
  type Address,
  AddressError,
  formatAddress,
  type HostAddress,
  type InternetKind,
  type Kind,
  parseAddress,
  type PathAddress,
  type PathKind,
} from "./address.ts";
export { bind, type BindOptions, bindSync } from "./client/session/bind.ts";
export { bindAll, type SocketRequest } from "./client/session/bind_all.ts";
export { bindShards } from "./client/session/bind_shards.ts";
export { Binding } from "./client/binding/binding.ts";
export { BindError, TimeoutError } from "./client/session/errors.ts";
export { ProtocolError } from "./exchange.ts";
export {
  type Holder,
  type HolderOptions,
  holdersOf,
  type SocketHolders,
} from "./client/session/holders.ts";
export {
  inherited,
  type InheritedOptions,
} from "./client/binding/inherited.ts";
export type { SharedConn, SharedListener } from "./client/binding/listen.ts";
export type {
  CallOptions,
  ConnectOptions,
  SocketOptions,
} from "./client/session/options.ts";
export { reexec, type ReexecOptions } from "./client/binding/reexec.ts";
export {
  connect,
  type ReleaseOptions,
  type Session,
} from "./client/session/session.ts";
export type { ServeOptions } from "./client/binding/serve.ts";
export type { ServeHandler } from "./client/binding/serve_handler.ts";
export {
  type ChildStream,
  spawn,
  SpawnedChild,
  type SpawnOptions,
} from "./client/binding/spawn.ts";
export { UnsupportedPlatformError } from "./ffi/libc/abi.ts";
export { InheritedSocketsError } from "./ffi/systemd/listen_fds.ts";
export { AdoptionError } from "./ffi/sockets/adopt.ts";
export { OsError } from "./ffi/libc/errno.ts";
export { MissingPermissionError } from "./ffi/libc/libc.ts";
export { SocketAddressError } from "./ffi/sockets/socket_address.ts";
export { ignoreSigusr1 } from "./ffi/processes/signal_action.ts";
export {
  blockSignals,
  type MaskedSignal,
  unblockSignals,
} from "./ffi/processes/signal_mask.ts";
export {
  type BindDescription,
  ErrorCode,
  type ErrorObject,
  type Refusals,
  type RequestCount,
  type Status,
  type StatusLimits,
  type Upgrades,
  type WireOptions,
} from "./protocol.ts";

requireSupportedDeno(import.meta.main);
if (import.meta.main) {
  const { main } = await import("./client/command_line.ts");
  const { ownArguments } = await import("./ffi/processes/process.ts");
  Deno.exit(await main(ownArguments()));
}
