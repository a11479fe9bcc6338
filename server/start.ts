/**
 * How the daemon comes to its sockets: from its last generation, from the
 * service manager, from the environment of a Ruby server whose process it is,
 * from a server whose place it takes, or by making its own.
 *
 * @module
 */
import type { HostAddress } from "../address.ts";
import { groupId } from "../ffi/processes/accounts.ts";
import { BindTable } from "./sockets/bind_table.ts";
import { ControlSocket } from "./daemon/control_socket.ts";
import type { Daemon, DaemonParts } from "./daemon/daemon.ts";
import { adoptState } from "./reexec/handoff.ts";
import type { Log } from "./log/log.ts";
import { UsageError } from "./usage_error.ts";
import { adoptRubyBinds } from "./takeover/ruby_environment.ts";
import { accessOf, firstGeneration, type ServerOptions } from "./serve.ts";
import type { State } from "./reexec/state.ts";
import { controlStoreName, storeName } from "./takeover/store_names.ts";
import type { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { adoptStoredSockets } from "./takeover/stored_sockets.ts";
import { takeOver } from "./takeover/takeover.ts";

/** What the command line says. */
export interface StartOptions extends Omit<ServerOptions, "policy" | "gid"> {
  /** The name of the control socket's group. Default: the daemon's. */
  group?: string | undefined;
  /** The path of the policy. Default: none. */
  policyPath?: string | undefined;
  /**
   * Take the place of a server that listens on the path; one that cannot list
   * its binds is asked for these. Default: such a server is an error.
   */
  takeover?: readonly HostAddress[] | undefined;
}

/** What is around a daemon. */
export interface Surroundings {
  /** Who started it and keeps its sockets, if anybody. */
  readonly manager: ServiceManager | undefined;
  /** Writes a line to standard output. */
  readonly say: (line: string) => void;
  /** Has the daemon before the first client is answered. */
  readonly prepare: (daemon: Daemon) => void;
}

/** A daemon that listens, with everything that was left for it. */
export function start(
  options: StartOptions,
  state: State | undefined,
  parts: Pick<DaemonParts, "log" | "limits" | "policy">,
  { manager, say, prepare }: Surroundings,
): Daemon {
  if (state !== undefined) {
    return adoptState(state, parts, (daemon) => {
      prepare(daemon);
      // What the last generation held is in the store.
      keepInStore(daemon, manager);
    });
  }
  const { log } = parts;
  const binds = new BindTable();
  let control: ControlSocket | undefined;
  let daemon: Daemon | undefined;
  try {
    control = adoptStoredSockets(options.path, binds, log, manager) ??
      newControlSocket(options, binds, log, say);
    adoptRubyBinds(binds, log);
    daemon = firstGeneration({ ...parts, control, binds });
    prepare(daemon);
    keepInStore(daemon, manager);
    storeAll(daemon, manager);
    return daemon;
  } catch (error) {
    daemon?.close();
    control?.close();
    binds.close();
    throw error;
  }
}

function newControlSocket(
  options: StartOptions,
  binds: BindTable,
  log: Log,
  say: (line: string) => void,
): ControlSocket {
  const { path, takeover } = options;
  const access = accessOf({ ...options, ...groupOf(options) });
  const taken = takeover === undefined
    ? undefined
    : takeOver({ path, access, addresses: takeover }, binds, log);
  return taken ?? ControlSocket.listen(path, access, () => {
    say(`Removed existing control socket: ${path}`);
  });
}

/** Looked up only where a socket is made: the next generation has it already. */
function groupOf({ group }: StartOptions): { gid?: number } {
  if (group === undefined) return {};
  const gid = groupId(group);
  if (gid !== undefined) return { gid };
  throw new UsageError(`--group: there is no group ${group}`);
}

/** What the service manager shows of the daemon. */
export function statusText({ control, binds, origin }: Daemon): string {
  return `Listening on ${control.path}: ${binds.size} sockets, generation ${origin.generation}`;
}

/** Keeps the store as the table of binds is from here on. */
function keepInStore(
  daemon: Daemon,
  manager: ServiceManager | undefined,
): void {
  if (manager === undefined) return;
  daemon.binds.observer = {
    bound: (bind) => {
      manager.store(storeName(bind), bind.socket.fd);
      manager.status(statusText(daemon));
    },
    released: (bind) => {
      manager.forget(storeName(bind));
      manager.status(statusText(daemon));
    },
    settle: () => manager.settle(),
  };
}

/** The store keeps one copy of a socket, however often it is sent. */
function storeAll(
  { control, binds }: Daemon,
  manager: ServiceManager | undefined,
): void {
  if (manager === undefined) return;
  if (control.file !== undefined) {
    manager.store(controlStoreName(control.file), control.descriptor.fd);
  }
  for (const bind of binds) manager.store(storeName(bind), bind.socket.fd);
}
