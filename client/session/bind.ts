import type { Address } from "../../address.ts";
import type { Binding } from "../binding/binding.ts";
import { checkOptions } from "./known_options.ts";
import { Line } from "./client_connection.ts";
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
  using line = new Line(path);
  return yield* line.bind(target, options);
}

/**
 * Asks the daemon for the listening socket of an address. Whoever asks for the
 * same address gets the same socket, so the next version of a service takes
 * connections from the queue that the last one leaves behind. It needs
 * `--allow-ffi` for the C library and nothing else.
 *
 * @param address a host, with the port as second argument
 * @param port 0 to 65535; 0 lets the kernel choose, once
 *
 * @throws {BindError} when the daemon could or would not: its `data` says
 * which call failed and why, such as `{ code: "EADDRINUSE" }`.
 * @throws {TimeoutError} when there was no answer within `timeout`.
 * @throws {OsError} when the control socket cannot be connected to (EACCES).
 * @throws {ProtocolError} when the answer is not one listening socket.
 * @throws {AddressError} for an address that is none.
 * @throws {TypeError} for an option that there is not, or a mode that is none.
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
 * The same with the address in one text, as {@linkcode parseAddress} reads it.
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
 * {@linkcode bind} that blocks until the answer is there.
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
/** The same with the address in one text. */
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
