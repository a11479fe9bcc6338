/**
 * Starts the daemon with the sockets of the previous generation, of the service
 * manager, of a Ruby server in the same process or of a running server.
 *
 * @module
 */
import { dirname } from "@std/path/posix/dirname";
import type { HostAddress } from "../address.ts";
import { Errno, OsError } from "../ffi/libc/errno.ts";
import { statusOf } from "../ffi/files/file.ts";
import { groupId } from "../ffi/processes/accounts.ts";
import { BindTable } from "./sockets/bind_table.ts";
import { restoreGroups } from "./sockets/shards/restore_groups.ts";
import { healAll, healAllInPlace } from "./sockets/heal.ts";
import { ControlSocket, ControlSocketError } from "./daemon/control_socket.ts";
import type { Daemon, DaemonParts } from "./daemon/daemon.ts";
import { adoptState } from "./reexec/handoff.ts";
import type { Log } from "./log/log.ts";
import { UsageError } from "../given_options.ts";
import { adoptRubyBinds } from "./takeover/ruby_environment.ts";
import { accessOf, firstGeneration, type ServerOptions } from "./serve.ts";
import type { State } from "./reexec/state.ts";
import { controlStoreName, storeName } from "./takeover/store_names.ts";
import type { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { adoptStoredSockets } from "./takeover/stored_sockets.ts";
import { takeOver } from "./takeover/takeover.ts";

/** The options of the command line. */
export interface StartOptions
  extends Omit<ServerOptions, "policy" | "gid" | "ignoreSigusr1"> {
  /**
   * Name or number of the control socket's group.
   *
   * @default the daemon's group
   */
  group?: string | undefined;
  /** Path of the policy file. */
  policyPath?: string | undefined;
  /**
   * Take over from a server that listens on the path. A server that cannot list
   * its binds is asked for these addresses.
   *
   * @default such a server is an error
   */
  takeover?: readonly HostAddress[] | undefined;
}

/** What a start needs beside its options. */
export interface StartContext {
  /** The service manager that keeps the sockets, if there is one. */
  readonly manager: ServiceManager | undefined;
  /** Writes a line to standard output. */
  readonly printLine: (line: string) => void;
  /** Called with the daemon before the first client is answered. */
  readonly prepare: (daemon: Daemon) => void;
}

/** Creates a daemon that listens. It serves once {@linkcode Daemon.run} is called. */
export function start(
  options: StartOptions,
  state: State | undefined,
  parts: Pick<DaemonParts, "log" | "limits" | "policy">,
  { manager, printLine, prepare }: StartContext,
): Daemon {
  if (state !== undefined) {
    const reachable = (control: ControlSocket) =>
      reachableControl(control, options, parts.log, manager);
    return adoptState(state, parts, reachable, (daemon) => {
      prepare(daemon);
      // The store already has the binds of the previous generation.
      keepInStore(daemon, manager);
    });
  }
  const { log } = parts;
  const binds = new BindTable();
  let control: ControlSocket | undefined;
  let daemon: Daemon | undefined;
  try {
    control = adoptStoredSockets(options.path, binds, log, manager) ??
      newControlSocket(options, binds, log, printLine);
    adoptRubyBinds(binds, log);
    restoreGroups(binds);
    daemon = firstGeneration({ ...parts, control, binds });
    prepare(daemon);
    keepInStore(daemon, manager);
    if (options.takeover === undefined) healAll(daemon);
    else healAllInPlace(daemon);
    storeAll(daemon, manager);
    return daemon;
  } catch (error) {
    daemon?.close();
    control?.close();
    binds.close();
    throw error;
  }
}

/**
 * The control socket of the previous generation, or a new one if nothing is at its
 * path any more: no client could connect again.
 */
function reachableControl(
  control: ControlSocket,
  options: StartOptions,
  log: Log,
  manager: ServiceManager | undefined,
): ControlSocket {
  const { path, file } = control;
  if (file === undefined || !isMissing(path)) return control;
  try {
    const access = accessOf({ ...options, ...groupOf(options) });
    const created = ControlSocket.listen(path, access, () => {});
    manager?.forget(controlStoreName(file));
    manager?.store(controlStoreName(created.file!), created.descriptor.fd);
    control.descriptor.close();
    log.warn("control socket bound anew", { path });
    return created;
  } catch (error) {
    const isExpected = error instanceof OsError ||
      error instanceof ControlSocketError || error instanceof UsageError;
    if (!isExpected) throw error;
    const reason = error.message;
    log.warn("control socket not bound anew", { path, reason });
    return control;
  }
}

/** A relative path may be in another directory by now. */
function isMissing(path: string): boolean {
  try {
    return path.startsWith("/") && statusOf(path) === undefined;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function newControlSocket(
  options: StartOptions,
  binds: BindTable,
  log: Log,
  printLine: (line: string) => void,
): ControlSocket {
  const { path, takeover } = options;
  const access = accessOf({ ...options, ...groupOf(options) });
  const taken = takeover === undefined
    ? undefined
    : takeOver({ path, access, addresses: takeover }, binds, log);
  if (taken !== undefined) return taken;
  try {
    return ControlSocket.listen(path, access, () => {
      printLine(`Removed existing control socket: ${path}`);
    });
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const hint = error.errno === Errno.ENOENT
      ? `: create its directory (\`mkdir -p ${dirname(path)}\`)`
      : "";
    throw new ControlSocketError(
      `cannot listen on ${path}: ${error.message}${hint}`,
      { cause: error },
    );
  }
}

/** Called only to create a control socket: a later generation inherits it. */
function groupOf({ group }: StartOptions): { gid?: number } {
  if (group === undefined) return {};
  const gid = groupId(group);
  if (gid !== undefined) return { gid };
  throw new UsageError(`--group: group ${group} does not exist`);
}

/** The status that the service manager shows: STATUS= of sd_notify(3). */
export function statusText({ control, binds, origin }: Daemon): string {
  return `Listening on ${control.path}: ${binds.size} sockets, generation ${origin.generation}`;
}

/** How long an exec waits for a busy service manager, in ms. */
const EXEC_PATIENCE = 1_000;

/** Adds later binds to the store and removes released ones. */
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
    flush: () => manager.flush(EXEC_PATIENCE),
  };
}

/** Removes the control socket from the store: a stop removes its path. */
export function forgetControl(
  { control }: Daemon,
  manager: ServiceManager | undefined,
): void {
  if (control.file !== undefined) {
    manager?.forget(controlStoreName(control.file));
  }
}

/** The store ignores a socket that it already has. */
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
