/**
 * `Deno.serve` and `Deno.listen` on shared sockets.
 *
 * @module
 */
import type { Binding } from "../binding/binding.ts";
import { acceptedConnections } from "../binding/graceful_shutdown.ts";
import type { SharedListener } from "../binding/listen.ts";
import type { ServeOptions } from "../binding/serve.ts";
import type { ServeHandler } from "../binding/serve_handler.ts";
import { drainOnSigterm } from "./drain_on_sigterm.ts";
import { type ListenAddress, listenAddress, shown } from "./listen_address.ts";
import { replaceInDeno } from "./replace_in_deno.ts";
import { rehearseAdoption } from "./rehearse_adoption.ts";
import { reportNotShared } from "./report.ts";
import { takeServeAddress } from "./serve_address.ts";
import { sharedSocket } from "./shared_sockets.ts";

/** What the options of `Deno.serve` and `Deno.listen` have in common, and more. */
interface Options extends ServeOptions {
  transport?: unknown;
  hostname?: unknown;
  port?: unknown;
  path?: unknown;
  handler?: unknown;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** Interval between two looks at the connections of a closed listener, in ms. */
const CHECK_INTERVAL = 50;

/** Replaces `Deno.serve` and `Deno.listen`. */
export function shareDenoServers(): void {
  const serve = Deno.serve as AnyFunction;
  const listen = Deno.listen as AnyFunction;
  const sharingServe = (...args: unknown[]) =>
    serveShared(args) ?? serve(...args);
  const sharingListen = (...args: unknown[]) =>
    listenShared(args[0]) ?? listen(...args);
  replaceInDeno("serve", sharingServe as typeof Deno.serve);
  replaceInDeno("listen", sharingListen as typeof Deno.listen);
}

/** The result of `open` on the shared socket, if there is one and it works. */
function onShared<T>(
  address: ListenAddress | undefined,
  open: (binding: Binding) => T,
): T | undefined {
  if (address === undefined) return undefined;
  const transport = "path" in address ? "unix" : "tcp";
  const binding = sharedSocket(address, () => rehearseAdoption(transport));
  if (binding === undefined) return undefined;
  try {
    return open(binding);
  } catch (error) {
    reportNotShared(shown(address), error);
    return undefined;
  }
}

function isOptions(value: unknown): value is Options {
  return typeof value === "object" && value !== null;
}

function addressOf(options: Options, defaultPort?: number) {
  const { transport = "tcp", hostname, port, path } = options;
  if (transport === "unix" && path === undefined) return undefined;
  if (transport !== "tcp" && transport !== "unix") return undefined;
  return listenAddress(hostname ?? "0.0.0.0", port ?? defaultPort, path);
}

/** The options for the shared socket. Those of a class may be accessors. */
function serveOptions(given: Options): ServeOptions {
  const { hostname: _h, port: _p, path: _u, transport: _t, ...more } = given;
  const { handler: _, onListen: _l, ...options } = more;
  const { onError, cert, key, signal } = given;
  return {
    ...options,
    onError,
    cert,
    key,
    // Deno does not look whether the signal has aborted already.
    signal: signal?.aborted ? undefined : signal,
  };
}

function serveShared([first, second]: unknown[]): Deno.HttpServer | undefined {
  const given = isOptions(first) ? first : {};
  const handler = [first, second, given.handler].find((each) =>
    typeof each === "function"
  ) as ServeHandler | undefined;
  // A vsock(7) address, which has no shared socket.
  if (handler === undefined || "cid" in given) return undefined;
  const moved = takeServeAddress();
  if (moved === "own") return undefined;
  const server = onShared(
    moved ?? addressOf(given, 8000),
    (binding) => binding.serve(handler, serveOptions(given)),
  );
  if (server === undefined) return undefined;
  const forget = drainOnSigterm(() => server.shutdown());
  server.finished.then(forget, forget);
  if (given.onListen) given.onListen(server.addr);
  else printAddress(server.addr, given.cert !== undefined);
  return server;
}

/** Deno's line about the address that a server listens on. */
function printAddress(addr: Deno.Addr, secure: boolean): void {
  if (addr.transport !== "tcp") {
    console.error(`Listening on ${(addr as Deno.UnixAddr).path}`);
    return;
  }
  const { hostname, port } = addr;
  const scheme = secure ? "https" : "http";
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const isWildcard = hostname === "0.0.0.0" || hostname === "::";
  const local = isWildcard ? ` (${scheme}://localhost:${port}/)` : "";
  console.error(`Listening on ${scheme}://${host}:${port}/${local}`);
}

function listenShared(options: unknown): SharedListener | undefined {
  if (!isOptions(options)) return undefined;
  const listener = onShared(
    addressOf(options),
    (binding) => binding.listen(),
  );
  if (listener !== undefined) drainOnSigterm(() => drainListener(listener));
  return listener;
}

async function drainListener(listener: SharedListener): Promise<void> {
  try {
    listener.close();
  } catch (error) {
    // The program has closed it.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
  while (acceptedConnections(listener.addr).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, CHECK_INTERVAL));
  }
}
