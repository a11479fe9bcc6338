/**
 * Serves a module with `export default { fetch }`, as `deno serve` does, on the
 * socket that the program was started with. It is the module of `--preload` that
 * the command `serve` uses:
 *
 * ```sh
 * multibinder-client serve 127.0.0.1:8000 main.ts
 * ```
 *
 * The same with any other program that passes sockets (sd_listen_fds(3)):
 *
 * ```sh
 * multibinder-client run 127.0.0.1:8000 -- env DENO_AUTO_SERVE=1 \
 *   deno run -A --preload jsr:@multibinder/client/serve main.ts
 * ```
 *
 * `READY=1` is sent once the module serves (sd_notify(3)). SIGTERM drains the
 * server and ends the program with exit code 0, unless the module listens for
 * SIGTERM. MULTIBINDER_CERT and MULTIBINDER_KEY name the files of a certificate
 * chain and its key, in PEM.
 *
 * @module
 */
import { readFile } from "../../ffi/files/file.ts";
import {
  environmentVariable,
  unsetEnvironmentVariable,
} from "../../ffi/processes/process.ts";
import { ignoreSigusr1 } from "../../ffi/processes/signal_action.ts";
import { ServiceManager } from "../../ffi/systemd/service_manager.ts";
import { requireSupportedDeno } from "../../version.ts";
import type { Binding } from "../binding/binding.ts";
import { inherited } from "../binding/inherited.ts";
import type { ServeHandler } from "../binding/serve_handler.ts";
import {
  drainOnSigterm,
  drainOrShutDown,
  observeSigtermListeners,
} from "./drain_on_sigterm.ts";
import { replaceInDeno } from "./replace_in_deno.ts";
import { SERVE_VARIABLES } from "./serve_variables.ts";

/** What Deno passes to its own call of `Deno.serve`. */
interface ModuleOptions {
  /** Calls `fetch` of the module. */
  handler: ServeHandler;
  /** Calls `onListen` of the module, or prints the address. */
  onListen: (addr: Deno.Addr) => void;
}

function fail(problem: string): never {
  console.error(`multibinder-serve: ${problem}`);
  Deno.exit(1);
}

/** What `action` returns; an error in it ends the program. */
function orFail<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    fail(`${what}: ${error instanceof Error ? error.message : error}`);
  }
}

/** The value of a variable that is for this program only. */
function take(variable: string): string | undefined {
  const value = environmentVariable(variable);
  unsetEnvironmentVariable(variable);
  return value === "" ? undefined : value;
}

function passedSocket(): Binding {
  const sockets = inherited({ clear: true });
  const [socket, more] = sockets;
  if (socket !== undefined && more === undefined) return socket;
  throw new Error(
    `expected one passed socket (LISTEN_FDS), got ${sockets.length}: start with "multibinder-client serve ADDR MODULE"`,
  );
}

/** The text of the file that a variable names. */
function takeFile(variable: string): string | undefined {
  const path = take(variable);
  return path === undefined
    ? undefined
    : new TextDecoder().decode(readFile(path));
}

/**
 * Deno serves the main module by `Deno.serve` if DENO_AUTO_SERVE is set. Only
 * such a call has an option whose name is a symbol, which is internal to Deno.
 */
function isForModule(options: unknown): options is ModuleOptions {
  return typeof options === "object" && options !== null &&
    Object.getOwnPropertySymbols(options).length > 0;
}

/** What the main module exports. */
interface MainModule {
  default?: { onListen?: unknown };
}

/** How the main module is served. */
interface Served {
  server: Deno.HttpServer;
  /** Tells the module its address. */
  announce: (main: MainModule) => void;
}

/**
 * Gives the main module the socket, and all other servers Deno's own function.
 * The result returns nothing before the module is served.
 */
function serveModule(socket: Binding): () => Served | undefined {
  let served: Served | undefined;
  const cert = takeFile(SERVE_VARIABLES.cert);
  const key = takeFile(SERVE_VARIABLES.key);
  const serve = Deno.serve as (...args: unknown[]) => Deno.HttpServer;
  const replacement = (...args: unknown[]): Deno.HttpServer => {
    const [options] = args;
    if (served !== undefined || !isForModule(options)) {
      return serve(...args);
    }
    const server = orFail("cannot serve", () =>
      socket.serve(options.handler, {
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      }));
    const forget = drainOnSigterm(() => server.shutdown());
    server.finished.then(forget, forget);
    const announce = (main: MainModule) => {
      // Without onListen Deno prints an address with http:.
      if (cert !== undefined && main.default?.onListen === undefined) return;
      options.onListen(server.addr);
    };
    served = { server, announce };
    // Since 2.9 Deno has listeners for SIGTERM and SIGINT that call shutdown().
    return {
      addr: server.addr,
      finished: server.finished,
      ref: () => server.ref(),
      unref: () => server.unref(),
      shutdown: () => drainOrShutDown(() => server.shutdown()),
      [Symbol.asyncDispose]: () => server.shutdown(),
    };
  };
  replaceInDeno("serve", replacement as typeof Deno.serve);
  return () => served;
}

function whyNotServed(main: MainModule): string {
  const expected = "expected export default { fetch }, as deno serve does";
  return main.default === undefined
    ? `${Deno.mainModule} has no default export: ${expected}`
    : `the default export of ${Deno.mainModule} has no function fetch: ${expected}`;
}

/** Prepares for Deno's call of `Deno.serve`. */
function prepare(): () => Served | undefined {
  if (take(SERVE_VARIABLES.autoServe) === undefined) {
    throw new Error(
      'DENO_AUTO_SERVE=1 is not set: start with "multibinder-client serve ADDR MODULE"',
    );
  }
  ignoreSigusr1();
  observeSigtermListeners();
  return serveModule(passedSocket());
}

requireSupportedDeno(true);
const findServed = orFail("cannot serve", prepare);
// This event follows the evaluation of the main module.
addEventListener("load", async () => {
  const main: MainModule = await import(Deno.mainModule);
  const served = findServed();
  if (served === undefined) fail(whyNotServed(main));
  try {
    served.announce(main);
  } catch (error) {
    console.error("multibinder-serve: onListen failed:", error);
    // It may have accepted connections.
    await served.server.shutdown();
    Deno.exit(1);
  }
  using manager = ServiceManager.fromEnvironment((reason) =>
    console.error(`multibinder-serve: cannot send READY=1: ${reason}`)
  );
  manager?.ready("Serving");
  await manager?.settle();
});
