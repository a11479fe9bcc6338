/**
 * Replacing the program: everything the daemon holds crosses an execve(2) as
 * descriptors that stay open, and a memfd says what each of them is.
 *
 * @module
 */
import { Descriptor, setCloseOnExec } from "../ffi/descriptor.ts";
import { memoryFile, readMemoryFile } from "../ffi/file.ts";
import {
  commandLine,
  environmentVariable,
  executable,
  execute,
  initialEnvironment,
  processId,
  unsetEnvironmentVariable,
} from "../ffi/process.ts";
import { isListening } from "../ffi/socket.ts";
import {
  blockSignals,
  type MaskedSignal,
  unblockSignals,
} from "../ffi/signal_mask.ts";
import { ErrorCode } from "../protocol.ts";
import { VERSION } from "../version.ts";
import { BindTable } from "./bind_table.ts";
import { Connection } from "./connection.ts";
import { ControlSocket } from "./control_socket.ts";
import { Daemon } from "./daemon.ts";
import { errorReply } from "./dispatch.ts";
import type { Log } from "./log.ts";
import { RequestError } from "./request_error.ts";
import {
  type BindState,
  type ClientState,
  decodeState,
  encodeState,
  type State,
  StateError,
} from "./state.ts";

/** Names the memfd and the process it is meant for: `<pid>:<fd>`. */
export const STATE_VARIABLE = "MULTIBINDER_STATE";

/** Signals the daemon handles: held back from the exec to the new handlers. */
export const HANDLED_SIGNALS: readonly MaskedSignal[] = [
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Becomes a fresh copy of this program that goes on with everything this one
 * holds, under the same PID. Returns only by throwing.
 *
 * @throws {OsError} when the program cannot be executed; then this one goes on
 * as if nothing had been tried.
 */
export function replaceProgram(daemon: Daemon): never {
  const path = executable();
  const argv = commandLine();
  const state = stateOf(daemon);
  using memory = memoryFile("multibinder-state", encodeState(state));
  const environment = initialEnvironment()
    .filter((entry) => !entry.startsWith(`${STATE_VARIABLE}=`));
  environment.push(`${STATE_VARIABLE}=${processId()}:${memory.fd}`);
  const crossing = [memory.fd, ...descriptorsOf(state)];
  daemon.log.flush();
  blockSignals(HANDLED_SIGNALS);
  try {
    for (const fd of crossing) setCloseOnExec(fd, false);
    return execute(path, argv, environment);
  } finally {
    for (const fd of crossing) setCloseOnExec(fd, true);
    unblockSignals(HANDLED_SIGNALS);
  }
}

function stateOf(daemon: Daemon): State {
  const { control, binds, connections, origin } = daemon;
  return {
    format: 1,
    version: VERSION,
    generation: origin.generation,
    started_at: origin.startedAt,
    control: {
      fd: control.descriptor.fd,
      path: control.path,
      file: { device: control.file.device, inode: control.file.inode },
    },
    binds: Array.from(binds, (bind): BindState => ({
      fd: bind.socket.fd,
      host: bind.address.host,
      port: bind.address.port,
      v6only: bind.address.v6only,
      backlog: bind.backlog,
      bound_at: bind.boundAt,
      handed_out: bind.handedOut,
      ...(bind.lastPeer && { last_peer: bind.lastPeer }),
    })),
    clients: Array.from(connections, clientState),
  };
}

function clientState(connection: Connection): ClientState {
  const { inHand, framing, fd, ended, queued } = connection;
  const received = new Uint8Array([...inHand ?? [], ...framing.pending]);
  return {
    fd,
    ended,
    received: received.toBase64(),
    unsent: queued.map(({ bytes, descriptors }) => ({
      bytes: bytes.toBase64(),
      descriptors: [...descriptors],
    })),
  };
}

function descriptorsOf({ control, binds, clients }: State): number[] {
  return [control, ...binds, ...clients].map(({ fd }) => fd);
}

/** What the last generation left for this process, if there was one. */
export function inheritedState(): State | undefined {
  const value = environmentVariable(STATE_VARIABLE);
  if (value === undefined) return undefined;
  unsetEnvironmentVariable(STATE_VARIABLE);
  const [pid, fd] = value.split(":").map(Number);
  // A process that some other daemon's environment leaked into.
  if (pid !== processId() || fd === undefined) return undefined;
  using memory = new Descriptor(fd);
  return decodeState(readMemoryFile(memory.fd));
}

/**
 * A daemon that goes on where the last generation stopped.
 *
 * @throws {StateError} when a socket is not what the state says.
 */
export function adoptState(state: State, log: Log): Daemon {
  for (const fd of descriptorsOf(state)) setCloseOnExec(fd, true);
  const { fd, path, file } = state.control;
  const control = new ControlSocket(new Descriptor(fd), path, file);
  const binds = new BindTable();
  for (const bind of state.binds) adoptBind(bind, binds);
  const daemon = new Daemon(control, binds, log, {
    startedAt: state.started_at,
    generation: state.generation + 1,
  });
  for (const client of state.clients) daemon.adopt(adoptClient(client));
  return daemon;
}

function adoptBind(state: BindState, binds: BindTable): void {
  const { fd, host, port, v6only } = state;
  if (!isListening(fd)) {
    throw new StateError(`descriptor ${fd} of the state does not listen`);
  }
  binds.add({
    address: { kind: "tcp", host, port, v6only },
    socket: new Descriptor(fd),
    backlog: state.backlog,
    boundAt: state.bound_at,
    handedOut: state.handed_out,
    ...(state.last_peer && { lastPeer: state.last_peer }),
  });
}

function adoptClient({ fd, ended, received, unsent }: ClientState): Connection {
  const connection = new Connection(new Descriptor(fd));
  connection.ended = ended;
  connection.framing.append(Uint8Array.fromBase64(received));
  const refusal = () =>
    errorReply(
      null,
      new RequestError(ErrorCode.NO_DESCRIPTORS, "No descriptors left"),
    );
  connection.restore(unsent.map(({ bytes, descriptors }) => ({
    bytes: Uint8Array.fromBase64(bytes),
    descriptors,
    refusal,
  })));
  return connection;
}
