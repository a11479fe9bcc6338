/**
 * Finds the shared socket of an address: passed to this program, or bound by the
 * daemon.
 *
 * @module
 */
import { OsError } from "../../ffi/libc/errno.ts";
import { environmentVariable } from "../../ffi/processes/process.ts";
import { InheritedSocketsError } from "../../ffi/systemd/listen_fds.ts";
import { ErrorCode } from "../../protocol.ts";
import type { Binding } from "../binding/binding.ts";
import { inherited } from "../binding/inherited.ts";
import { bindSync } from "../session/bind.ts";
import { BindError, TimeoutError } from "../session/errors.ts";
import { SOCKET_VARIABLE } from "../session/socket_path.ts";
import {
  type ListenAddress,
  shown,
  socketAddresses,
} from "./listen_address.ts";
import { reportNotShared } from "./report.ts";

/** How long to wait for the daemon, in ms. The event loop is blocked meanwhile. */
const DAEMON_TIMEOUT = 2000;

/** Whether sockets were passed or a daemon is named, as far as this can be read. */
export function isConfigured(): boolean {
  return ["LISTEN_FDS", SOCKET_VARIABLE].some((variable) => {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    return state !== "granted" || (Deno.env.get(variable) ?? "") !== "";
  });
}

/**
 * The shared socket of an address; `undefined` if there is none. Reports errors
 * and does not throw.
 *
 * `check` throws if the server cannot use a shared socket. The daemon is asked
 * after that: it keeps the address.
 */
export function sharedSocket(
  address: ListenAddress,
  check: () => void,
): Binding | undefined {
  if (!isConfigured()) return undefined;
  try {
    const wanted = socketAddresses(address);
    const passed = passedSocket(wanted);
    if (passed === undefined && !hasDaemon()) {
      const other = otherAddressPassed(address);
      if (other !== undefined) throw new Error(other);
      return undefined;
    }
    check();
    return passed ?? daemonSocket(wanted);
  } catch (error) {
    const other = error instanceof BindError
      ? otherAddressPassed(address)
      : undefined;
    reportNotShared(shown(address), other ?? error);
    return undefined;
  }
}

/** What to do if the passed socket has the port of `address` and another host. */
function otherAddressPassed(address: ListenAddress): string | undefined {
  if ("path" in address) return undefined;
  const { port } = address;
  const other = passedSockets().map(({ addr }) => addr).find((addr) =>
    addr.transport === "tcp" && addr.port === port
  ) as Deno.NetAddr | undefined;
  if (other === undefined) return undefined;
  return `the passed socket is ${shown({ host: other.hostname, port })}: pass ${
    shown(address)
  } instead, or let the program listen on that address`;
}

/**
 * The sockets that were passed. Node, and so npx, closes the descriptors of its
 * children: the daemon hands out the same sockets, those of a first worker.
 */
function passedSockets(): Binding[] {
  try {
    return inherited();
  } catch (error) {
    const worker = environmentVariable("MULTIBINDER_WORKER") ?? "0";
    const canAsk = hasDaemon() && worker === "0";
    if (error instanceof InheritedSocketsError && canAsk) return [];
    throw error;
  }
}

function passedSocket(wanted: readonly ListenAddress[]): Binding | undefined {
  const passed = passedSockets();
  return wanted
    .map((each) => passed.find(({ addr }) => isAt(addr, each)))
    .find((binding) => binding !== undefined);
}

function isAt(addr: Deno.Addr, wanted: ListenAddress): boolean {
  if ("path" in wanted) {
    return addr.transport === "unix" && addr.path === wanted.path;
  }
  return addr.transport === "tcp" && addr.port === wanted.port &&
    addr.hostname === wanted.host;
}

/** The sockets that the daemon has sent. They stay open as long as the program. */
const received = new Map<string, Binding>();

/** Why the daemon did not answer: a program waits for it only once. */
let failure: TimeoutError | OsError | undefined;

function hasDaemon(): boolean {
  return (environmentVariable(SOCKET_VARIABLE) ?? "") !== "";
}

function daemonSocket(wanted: readonly ListenAddress[]): Binding {
  if (failure !== undefined) throw failure;
  let refusal: BindError | undefined;
  for (const text of wanted.map(shown)) {
    const known = received.get(text);
    if (known !== undefined) return known;
    try {
      const binding = bindSync(text, { timeout: DAEMON_TIMEOUT });
      received.set(text, binding);
      return binding;
    } catch (error) {
      if (error instanceof TimeoutError || error instanceof OsError) {
        failure = error;
      }
      // The other wildcard address may be bound already.
      if (!couldNotBind(error)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

function couldNotBind(error: unknown): error is BindError {
  return error instanceof BindError && error.code === ErrorCode.COULD_NOT_BIND;
}
