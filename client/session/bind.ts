import type { Address } from "../../address.ts";
import type { Binding } from "../binding/binding.ts";
import { checkOptions } from "./known_options.ts";
import { ClientConnection } from "./client_connection.ts";
import {
  type ConnectOptions,
  limitsOf,
  type SocketOptions,
} from "./options.ts";
import { socketPath } from "./socket_path.ts";
import { type AfterAddress, readTarget } from "./bind_arguments.ts";
import { run, runSync, type Steps } from "./waiting.ts";

/** Options of {@linkcode bind}. */
export interface BindOptions extends ConnectOptions, SocketOptions {}

function* bindOnce(
  path: string,
  target: Address,
  options: SocketOptions,
): Steps<Binding> {
  using connection = new ClientConnection(path);
  return yield* connection.bind(target, options);
}

/**
 * Asks the daemon for the listening socket of an address.
 *
 * Every program that asks for the same address gets the same socket: the next
 * version of a service accepts from the accept queue of the last one. `bind`
 * needs only the permission `--allow-ffi` for the C library. It waits up to
 * `timeout` (default: 10000 ms), also for a daemon that is not up yet.
 *
 * @param address a host name or an IP address
 * @param port 0 to 65535; for 0 the kernel chooses a port at the first bind
 *
 * @throws {BindError} when the daemon refuses or a call fails there; `data`
 * has the failed call, such as `{ errno: 98, code: "EADDRINUSE", syscall: "bind" }`.
 * @throws {TimeoutError} when no answer arrives within `timeout`.
 * @throws {OsError} when connect(2) to the control socket fails, such as EACCES.
 * @throws {ProtocolError} when the answer is not one listening socket.
 * @throws {AddressError} for an invalid address.
 * @throws {TypeError} for an unknown option, an invalid mode, or when neither
 * `sock` nor `MULTIBINDER_SOCK` names the control socket.
 *
 * @example
 * ```ts no-eval
 * import { createServer } from "node:http";
 * import { bind } from "jsr:@multibinder/client";
 *
 * using web = await bind("127.0.0.1", 8000);
 * createServer((_, answer) => answer.end("hello\n")).listen({ fd: web.dup() });
 * ```
 */
export function bind(
  address: string,
  port: number,
  options?: BindOptions,
): Promise<Binding>;
/**
 * Takes host and port as one string, in the syntax of {@linkcode parseAddress}.
 *
 * @example
 * ```ts no-eval
 * import { bind } from "jsr:@multibinder/client";
 *
 * using everywhere = await bind(":8000");
 * using local = await bind("tcp://[::1]:8001", { backlog: 4096 });
 * ```
 */
export function bind(address: string, options?: BindOptions): Promise<Binding>;
export async function bind(
  address: string,
  ...rest: AfterAddress<BindOptions>
): Promise<Binding> {
  const { target, options } = readTarget(address, rest);
  checkOptions("bind", options);
  const path = socketPath(options.sock);
  return await run(bindOnce(path, target, options), limitsOf(options));
}

/**
 * Like {@linkcode bind}, but blocks the thread until the answer arrives.
 *
 * `timeout` is in ms (default: 10000). There is no `signal`.
 *
 * @throws the same errors as {@linkcode bind}.
 *
 * @example
 * ```ts no-eval
 * import { bindSync } from "jsr:@multibinder/client";
 *
 * using web = bindSync("127.0.0.1", 8000);
 * ```
 */
export function bindSync(
  address: string,
  port: number,
  options?: Omit<BindOptions, "signal">,
): Binding;
/** Takes host and port as one string. */
export function bindSync(
  address: string,
  options?: Omit<BindOptions, "signal">,
): Binding;
export function bindSync(
  address: string,
  ...rest: AfterAddress<Omit<BindOptions, "signal">>
): Binding {
  const { target, options } = readTarget(address, rest);
  checkOptions("bindSync", options);
  const path = socketPath(options.sock);
  return runSync(bindOnce(path, target, options), limitsOf(options));
}
