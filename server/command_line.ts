import { UnsupportedPlatformError } from "../ffi/libc/abi.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { statusOf } from "../ffi/files/file.ts";
import { MissingPermissionError } from "../ffi/libc/libc.ts";
import {
  raiseDescriptorLimit,
  setAllCloseOnExec,
  userId,
} from "../ffi/processes/process.ts";
import { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { SignalDescriptor } from "../ffi/processes/signal_descriptor.ts";
import type { MaskedSignal } from "../ffi/processes/signal_mask.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { ControlSocketError } from "./daemon/control_socket.ts";
import type { Daemon } from "./daemon/daemon.ts";
import { Inheritance } from "./reexec/inheritance.ts";
import type { Log } from "./log/log.ts";
import { readCommandLine, usageOf } from "./options.ts";
import { PolicyError } from "./policy/policy.ts";
import {
  initialPolicy,
  loadPolicy,
  rereadPolicy,
} from "./policy/policy_in_force.ts";
import { RequestError } from "./requests/request_error.ts";
import { limitsOf, logOf } from "./serve.ts";
import { holdSignalsBack, SIGNALS } from "./signals.ts";
import { start, type StartOptions, statusText } from "./start.ts";
import { StateError } from "./reexec/state.ts";
import { TakeoverError } from "./takeover/takeover_client.ts";
import { Upgrade } from "./reexec/upgrade.ts";
import { UsageError } from "./usage_error.ts";
import { isCheck, passCheck } from "./reexec/version_check.ts";

const encoder = new TextEncoder();

/** Writes a line to standard output, which may have been closed by now. */
function say(line: string): void {
  try {
    Deno.stdout.writeSync(encoder.encode(line + "\n"));
  } catch {
    // Whoever started us no longer listens; those who use us do.
  }
}

async function check({ policyPath }: StartOptions): Promise<void> {
  const verdict = passCheck();
  if (policyPath !== undefined) await loadPolicy(policyPath);
  say(verdict);
}

async function run(options: StartOptions): Promise<void> {
  const inheritance = Inheritance.fromEnvironment();
  const log = logOf(options);
  using resources = new DisposableStack();
  let daemon: Daemon;
  try {
    daemon = await setUp(options, inheritance, log, resources);
  } catch (error) {
    if (inheritance !== undefined && error instanceof OsError) {
      log.error("this generation cannot start, and is begun anew", {
        reason: error.message,
      });
      log.flush();
      inheritance.beginAnew();
    }
    throw error;
  }
  inheritance?.accepted();
  await daemon.run();
}

/** A daemon that serves as soon as it runs. */
async function setUp(
  options: StartOptions,
  inheritance: Inheritance | undefined,
  log: Log,
  resources: DisposableStack,
): Promise<Daemon> {
  holdSignalsBack();
  const state = inheritance?.state;
  setAllCloseOnExec();
  raiseLimit(log);
  const manager = ServiceManager.fromEnvironment((reason) =>
    log.warn("the service manager was not told", { reason })
  );
  if (manager !== undefined) resources.use(manager);
  const { policyPath } = options;
  const parts = {
    log,
    limits: limitsOf(options),
    policy: policyPath === undefined
      ? undefined
      : await initialPolicy(policyPath, state, log),
  };
  const signals = resources.use(new SignalDescriptor(SIGNALS));
  const prepare = (daemon: Daemon) => {
    const act = signalActions(daemon, manager);
    daemon.watch(signals.fd, () => act(signals.take()));
  };
  const daemon = start(options, state, parts, { manager, say, prepare });
  if (state === undefined) warnOfOpenDoor(daemon);
  say(`Listening for binds on control socket: ${daemon.control.path}`);
  manager?.ready(statusText(daemon));
  return daemon;
}

/** Fewer descriptors than there could be are no reason not to serve. */
function raiseLimit(log: Log): void {
  try {
    raiseDescriptorLimit();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    log.warn("the limit of descriptors stays as it is", {
      reason: error.message,
    });
  }
}

function signalActions(
  daemon: Daemon,
  manager: ServiceManager | undefined,
): (signal: MaskedSignal | undefined) => void {
  const upgrade = new Upgrade(daemon, {
    began: () => {
      say("Respawning...");
      manager?.reloading();
    },
    abandoned: () => manager?.ready(statusText(daemon)),
  });
  return (signal) => {
    if (signal === undefined) return;
    if (signal === "SIGUSR1") upgrade.request();
    else if (signal === "SIGHUP") rereadPolicy(daemon);
    else {
      manager?.stopping();
      daemon.stop();
    }
  };
}

/** Who is let in to a root daemon without a policy may bind any port. */
function warnOfOpenDoor({ control, authorization, log }: Daemon): void {
  if (userId() !== 0 || authorization.policy !== undefined) return;
  const permissions = permissionsOf(control.path);
  if ((permissions & 0o077) === 0) return;
  log.warn(
    "others may connect to this daemon of root's, and ask for any address",
    { mode: `0${permissions.toString(8)}`, remedy: "--policy FILE" },
  );
}

/** None where nobody can tell: what they are for is a warning. */
function permissionsOf(path: string): number {
  try {
    return (statusOf(path)?.mode ?? 0) & 0o777;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return 0;
  }
}

const EXPECTED = [
  ControlSocketError,
  MissingPermissionError,
  OsError,
  PolicyError,
  RequestError,
  StateError,
  TakeoverError,
  SocketAddressError,
  UnsupportedPlatformError,
];

/**
 * The daemon's command line.
 *
 * @param program what it is called in help and messages
 * @returns the exit status: 0 after SIGTERM or SIGINT, 1 when it failed, 2 for
 * a wrong command line.
 */
export async function main(
  args: readonly string[],
  program = "multibinder",
): Promise<number> {
  try {
    const command = readCommandLine(args, program);
    if ("show" in command) say(command.show);
    else if (isCheck()) await check(command.start);
    else await run(command.start);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${program}: ${error.message}\n\n${usageOf(program)}`);
      return 2;
    }
    const expected = EXPECTED.some((type) => error instanceof type);
    console.error(`${program}:`, expected ? (error as Error).message : error);
    return 1;
  }
}
