/**
 * Servers of `node:net`, `node:http` and `node:https` on shared sockets.
 *
 * @module
 */
import http from "node:http";
import net from "node:net";
import tls from "node:tls";
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { drainOnSigterm } from "./drain_on_sigterm.ts";
import { listenAddress } from "./listen_address.ts";
import { drainOf } from "./node_drain.ts";
import { sharedSocket } from "./shared_sockets.ts";

type Listen = (this: net.Server, ...args: unknown[]) => net.Server;

/** The options of `listen()` that this module reads. */
interface ListenOptions {
  host?: unknown;
  port?: unknown;
  path?: unknown;
  signal?: AbortSignal;
}

/** Before Deno 2.8 a server of `node:http` ignores the option `fd`. */
const FIRST_WITH_FD = "2.8.0";

/** The options of `server.listen` that say where to listen instead. */
const OTHER_HANDLES = ["fd", "handle", "_handle"];

/** Replaces the method `listen` of each class of servers that has one. */
export function shareNodeServers(): void {
  // From 2.8 on the others call that of net.Server.
  const classes = isOlder(FIRST_WITH_FD)
    ? [net.Server, http.Server, tls.Server]
    : [net.Server];
  for (const { prototype } of classes) {
    if (!Object.hasOwn(prototype, "listen")) continue;
    const methods = prototype as unknown as { listen: Listen };
    const { listen } = methods;
    methods.listen = function (...args) {
      return listenShared(this, listen, args) ?? listen.apply(this, args);
    };
  }
}

function listenShared(
  server: net.Server,
  listen: Listen,
  args: readonly unknown[],
): net.Server | undefined {
  if (server.listening) return undefined;
  const { host, port, path, signal } = optionsOf(args);
  const address = listenAddress(host || "::", port, path);
  const binding = address && sharedSocket(address, requireFdOption);
  if (binding === undefined) return undefined;
  const options = { fd: binding.dup(), ...(signal && { signal }) };
  const callback = args.at(-1);
  listen.call(
    server,
    options,
    ...(typeof callback === "function" ? [callback] : []),
  );
  server.once("close", drainOnSigterm(drainOf(server, binding.addr)));
  if (address !== undefined && "path" in address) {
    reportPath(server, address.path);
  }
  return server;
}

/** For a descriptor of a UNIX socket `address()` returns null. */
function reportPath(server: net.Server, path: string): void {
  const { address } = server;
  server.address = () => server.listening ? path : null;
  server.once("close", () => server.address = address);
}

function requireFdOption(): void {
  if (!isOlder(FIRST_WITH_FD)) return;
  throw new Error(
    `servers of Node need Deno ${FIRST_WITH_FD} or newer, this is ${Deno.version.deno}`,
  );
}

/** Node does not read `path` if `port` is given, too. */
function withOnePlace(options: ListenOptions): ListenOptions {
  const { host, port, path, signal } = options;
  const hasPort = typeof port === "number" || typeof port === "string";
  return { host, port, ...(!hasPort && { path }), ...(signal && { signal }) };
}

/**
 * The options in the arguments of `listen`: `(options)`, `(port, host, backlog)` or
 * `(path, backlog)`, and a callback. Without `port` and `path` if the arguments have
 * a handle or a descriptor.
 */
function optionsOf([first, second]: readonly unknown[]): ListenOptions {
  if (typeof first === "object" && first !== null) {
    return OTHER_HANDLES.some((name) => name in first)
      ? {}
      : withOnePlace(first);
  }
  if (typeof first === "string" && !(Number(first) >= 0)) {
    return { path: first };
  }
  return {
    port: first,
    ...(typeof second === "string" && { host: second }),
  };
}
