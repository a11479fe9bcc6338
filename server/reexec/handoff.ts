/**
 * Hands the daemon's sockets and clients to the next generation.
 *
 * @module
 */
import { type Address, canonicalIdentity, hasHost } from "../../address.ts";
import { Descriptor } from "../../ffi/files/descriptor.ts";
import { setAllCloseOnExec } from "../../ffi/processes/process.ts";
import { DEFAULT_BACKLOG, hasBacklog } from "../../protocol.ts";
import { VERSION } from "../../version.ts";
import { type Bind, BindTable, isShard } from "../sockets/bind_table.ts";
import {
  type KnownGroup,
  restoreGroups,
} from "../sockets/shards/restore_groups.ts";
import { groupKeyOf } from "../sockets/shards/shard_groups.ts";
import { isHeld } from "../sockets/shards/shard_places.ts";
import { Connection } from "../daemon/connection.ts";
import { ControlSocket } from "../daemon/control_socket.ts";
import { Daemon, type DaemonParts } from "../daemon/daemon.ts";
import { executeWith } from "./inherited_state.ts";
import { nameOf } from "../sockets/listening_socket.ts";
import { healAll } from "../sockets/heal.ts";
import { SharedDescriptor } from "../sockets/shared_descriptor.ts";
import type {
  BindRecord,
  BindState,
  ClientState,
  GroupState,
  State,
  StateRecord,
} from "./state.ts";

/**
 * Executes this program again, under the same PID and with the same state.
 * Signals stay pending during the exec, because they are blocked (signals.ts).
 *
 * @throws {OsError} if the program cannot be executed; then nothing has changed.
 */
export function replaceProgram(daemon: Daemon): never {
  daemon.clients.answerSettling();
  daemon.binds.observer?.flush();
  daemon.log.flush();
  return executeWith(stateOf(daemon));
}

/** The state of a daemon, for the next generation. */
export function stateOf(daemon: Daemon): StateRecord {
  const { control, binds, clients, origin } = daemon;
  const groups = groupStates(binds);
  return {
    format: isEveryPlain(binds) ? 1 : 2,
    version: VERSION,
    generation: origin.generation,
    started_at: origin.startedAt,
    control: {
      fd: control.descriptor.fd,
      path: control.path,
      file: control.file,
    },
    binds: Array.from(binds, bindRecord),
    clients: Array.from(clients, clientState),
    ...(groups.length > 0 && { shard_groups: groups }),
    policy: daemon.authorization.policy?.text,
    lost_log_lines: daemon.log.unwritten() || undefined,
  };
}

/**
 * Describes a bind. Fields with default values are omitted: with many binds the
 * length of this text determines how long a re-exec takes.
 */
function bindRecord(bind: Bind): BindRecord {
  const { address, file, options: { backlog, ...options } } = bind;
  const { kind } = address;
  return {
    fd: bind.socket.fd,
    kind: kind === "tcp" ? undefined : kind,
    ...(hasHost(address)
      ? {
        host: address.host,
        port: address.port,
        bound_port: address.port === 0 ? bind.name?.port : undefined,
        v6only: address.v6only ? undefined : false,
        device: address.device,
        shard: address.shard,
      }
      : {
        path: address.path,
        file,
      }),
    backlog: backlog === DEFAULT_BACKLOG || !hasBacklog(kind)
      ? undefined
      : backlog ?? null,
    options: Object.keys(options).length === 0 ? undefined : options,
    bound_at: bind.boundAt,
    handed_out: bind.handedOut,
    last_peer: bind.lastPeer,
    holders: bind.holders.length > 1 ? bind.holders : undefined,
  };
}

/** Whether every held socket is one that a release without shards can hold. */
function isEveryPlain({ groups }: BindTable): boolean {
  return [...groups].every(({ isPlain, held }) => isPlain || held.length === 0);
}

/** The groups with a held socket. */
function groupStates({ groups }: BindTable): GroupState[] {
  return [...groups].flatMap((group) => {
    group.update();
    const fd = group.held[0]?.socket.fd;
    if (fd === undefined) return [];
    const places = group.places.map((each) => {
      if (each === undefined) return null;
      return isHeld(each) ? each.socket.fd : each;
    });
    return [{ shards: group.shards, places, fd }];
  });
}

/** The groups of a state, by their keys. */
function knownGroups(
  { shard_groups = [] }: State,
  binds: BindTable,
): Map<string, KnownGroup> {
  const known = new Map<string, KnownGroup>();
  if (shard_groups.length === 0) return known;
  const byNumber = new Map(
    [...binds].filter(isShard).map((bind) => [bind.socket.fd, bind]),
  );
  for (const { shards, places, fd } of shard_groups) {
    const one = byNumber.get(fd);
    if (one === undefined) continue;
    known.set(groupKeyOf(one.address), {
      shards,
      places: places.map((each) =>
        typeof each === "number" ? byNumber.get(each) : each ?? undefined
      ),
    });
  }
  return known;
}

function clientState(connection: Connection): ClientState {
  const { unanswered, framing, fd, ended, queued } = connection;
  const inFlight = connection.inFlight();
  const received = new Uint8Array([...unanswered ?? [], ...framing.pending]);
  return {
    fd,
    ended,
    received: received.toBase64(),
    ...(inFlight > 0 && { in_flight: inFlight }),
    unsent: queued.map((outgoing) => ({
      bytes: outgoing.bytes.toBase64(),
      descriptors: outgoing.sockets.map(({ fd }) => fd),
    })),
  };
}

/**
 * Creates a daemon from the state of the previous generation. `reachable` returns
 * the control socket, or a new one instead. `prepare` is called before the first
 * client is answered.
 *
 * @throws {OsError} if the state names a descriptor that is not open.
 */
export function adoptState(
  state: State,
  parts: Pick<DaemonParts, "log" | "limits" | "policy">,
  reachable: (control: ControlSocket) => ControlSocket,
  prepare: (daemon: Daemon) => void,
): Daemon {
  setAllCloseOnExec();
  parts.log.addDropped(state.lost_log_lines ?? 0);
  const { fd, path, file } = state.control;
  const control = reachable(
    new ControlSocket(new Descriptor(fd), path, file),
  );
  const binds = new BindTable();
  for (const bind of state.binds) binds.add(adoptBind(bind));
  restoreGroups(binds, knownGroups(state, binds));
  const daemon = new Daemon({
    ...parts,
    control,
    binds,
    origin: {
      startedAt: state.started_at,
      generation: state.generation + 1,
    },
  });
  prepare(daemon);
  // Unsent answers refer to the descriptors of the state.
  const socketOf = socketsByNumber(binds);
  // Each answer owns its sockets before the first one is sent and gives them up.
  const clients = state.clients.map((client) => adoptClient(client, socketOf));
  for (const client of clients) daemon.clients.add(client);
  healAll(daemon);
  return daemon;
}

/** Finds the sockets of unsent answers by the numbers of their descriptors. */
function socketsByNumber(binds: BindTable): (fd: number) => SharedDescriptor {
  let sockets: Map<number, SharedDescriptor> | undefined;
  return (fd) => {
    sockets ??= new Map(Array.from(binds, ({ socket }) => [socket.fd, socket]));
    const held = sockets.get(fd);
    if (held !== undefined) return held.retain();
    // The bind was released: the unsent answer is its last owner.
    const released = new SharedDescriptor(new Descriptor(fd));
    sockets.set(fd, released);
    return released;
  };
}

function adoptBind(state: BindState): Bind {
  const address = addressOf(state);
  return {
    address,
    identity: canonicalIdentity(address),
    socket: new SharedDescriptor(new Descriptor(state.fd)),
    file: state.file,
    name: hasHost(address)
      ? nameOf(address, state.fd, state.bound_port)
      : undefined,
    options: hasBacklog(state.kind) && state.backlog !== null
      ? { backlog: state.backlog, ...state.options }
      : { ...state.options },
    boundAt: state.bound_at,
    handedOut: state.handed_out,
    lastPeer: state.last_peer,
    holders: state.holders ?? (state.last_peer ? [state.last_peer.pid] : []),
  };
}

function addressOf(
  { kind, host = "", port = 0, v6only, device, shard, path = "" }: BindState,
): Address {
  if (kind !== "tcp" && kind !== "udp") return { kind, path };
  return {
    kind,
    host,
    port,
    v6only,
    ...(device !== undefined && { device }),
    ...(shard && { shard }),
  };
}

function adoptClient(
  { fd, ended, received, in_flight, unsent }: ClientState,
  socketOf: (fd: number) => SharedDescriptor,
): Connection {
  const connection = new Connection(new Descriptor(fd));
  connection.ended = ended;
  connection.framing.append(Uint8Array.fromBase64(received));
  const queued = unsent.map(({ bytes, descriptors }) => ({
    bytes: Uint8Array.fromBase64(bytes),
    sockets: descriptors.map(socketOf),
  }));
  connection.restore(queued, in_flight ?? 0);
  return connection;
}
