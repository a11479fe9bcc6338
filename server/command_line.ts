import type { Shell } from "../completions/shells.ts";
import { UnsupportedPlatformError } from "../ffi/libc/abi.ts";
import { OsError } from "../ffi/libc/errno.ts";
import {
  OutputError,
  printErrors,
  printLines,
} from "../ffi/files/standard_streams.ts";
import { statusOf } from "../ffi/files/file.ts";
import { MissingPermissionError } from "../ffi/libc/libc.ts";
import {
  raiseDescriptorLimit,
  setAllCloseOnExec,
  userId,
} from "../ffi/processes/process.ts";
import { InheritedSocketsError } from "../ffi/systemd/listen_fds.ts";
import { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { SignalDescriptor } from "../ffi/processes/signal_descriptor.ts";
import type { MaskedSignal } from "../ffi/processes/signal_mask.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { ControlSocketError } from "./daemon/control_socket.ts";
import type { Daemon } from "./daemon/daemon.ts";
import { DescriptorLimitError } from "./daemon/descriptor_reserve.ts";
import { InheritedState } from "./reexec/inherited_state.ts";
import { LineWriter } from "./log/line_writer.ts";
import type { Log } from "./log/log.ts";
import { readCommandLine, usageOf } from "./options.ts";
import { PolicyError } from "./policy/policy.ts";
import type { PolicyCheck } from "./policy_check/options.ts";
import {
  initialPolicy,
  loadPolicy,
  rereadPolicy,
} from "./policy/load_policy.ts";
import { RequestError } from "./requests/request_error.ts";
import { limitsOf, logOf } from "./serve.ts";
import { blockSignals, SIGNALS } from "./signals.ts";
import {
  forgetControl,
  start,
  type StartOptions,
  statusText,
} from "./start.ts";
import { StateError } from "./reexec/state.ts";
import { TakeoverError } from "./takeover/takeover_client.ts";
import { Upgrade } from "./reexec/upgrade.ts";
import { UsageError } from "../given_options.ts";
import { isCheck, runCheck } from "./reexec/version_check.ts";

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;

/** How long the last line waits for its reader, in ms. */
const LAST_LINE_PATIENCE = 500;

/** Prints why the program ends. */
function printFailure(line: string): void {
  try {
    const writer = new LineWriter(STANDARD_ERROR, () => "");
    writer.add(line + "\n");
    writer.flush(LAST_LINE_PATIENCE);
  } catch {
    // The failure is that the C library cannot be used.
    printErrors(line);
  }
}

async function printCompletions(shell: Shell, name: string): Promise<void> {
  const { completionScript } = await import("../completions/completions.ts");
  const usage = usageOf(name);
  printLines(completionScript(shell, { name, usage, commands: {} }).trimEnd());
}

async function check({ policyPath }: StartOptions): Promise<void> {
  const passed = runCheck();
  if (policyPath !== undefined) {
    await naming("--policy", loadPolicy(policyPath));
  }
  // Deno runs timers after this turn, and reports an unhandled rejection at the end
  // of a turn: the first timer may come before that.
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  printLines(passed);
}

/** The error of a system call about the value of an option. */
class OptionError extends Error {}

async function naming<T>(option: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new OptionError(`${option}: ${error.message}`, { cause: error });
  }
}

/** Checks a policy; returns the exit status. */
async function policyStatus(check: PolicyCheck): Promise<number> {
  const { checkPolicy } = await import("./policy_check/check_policy.ts");
  const { lines, errors, passed } = await naming(
    "--check-policy",
    checkPolicy(check),
  );
  if (lines.length > 0) printLines(...lines);
  if (errors.length > 0) printErrors(...errors);
  return passed ? 0 : 1;
}

async function run(options: StartOptions): Promise<void> {
  const inherited = InheritedState.fromEnvironment();
  const log = logOf(options);
  using resources = new DisposableStack();
  let daemon: Daemon;
  try {
    daemon = await setUp(options, inherited, log, resources);
  } catch (error) {
    if (inherited !== undefined && error instanceof OsError) {
      log.error("generation failed to start", { reason: error.message });
      log.flush();
      inherited.retryStart();
    }
    throw error;
  }
  inherited?.discard();
  await daemon.run();
}

async function setUp(
  options: StartOptions,
  inherited: InheritedState | undefined,
  log: Log,
  resources: DisposableStack,
): Promise<Daemon> {
  blockSignals();
  const state = inherited?.state;
  setAllCloseOnExec();
  raiseLimit(log);
  const manager = ServiceManager.fromEnvironment((reason) =>
    log.warn("service manager notification failed", { reason })
  );
  if (manager !== undefined) resources.use(manager).alive();
  const { policyPath } = options;
  const initial = policyPath === undefined ? undefined : await naming(
    "--policy",
    initialPolicy(policyPath, state, log),
  );
  const parts = { log, limits: limitsOf(options), policy: initial?.policy };
  const signals = resources.use(new SignalDescriptor(SIGNALS));
  const output = new LineWriter(STANDARD_OUTPUT, () => "");
  const printLine = (line: string) => {
    output.add(line + "\n");
    output.flush();
  };
  const prepare = (daemon: Daemon) => {
    daemon.authorization.rejection = initial?.rejection;
    daemon.drain(output);
    daemon.watch(
      signals.fd,
      signalActions(daemon, manager, printLine, signals),
    );
    sendAliveFrom(daemon, manager);
  };
  const daemon = start(options, state, parts, {
    manager,
    printLine,
    prepare,
  });
  if (state === undefined) warnIfRootWithoutPolicy(daemon);
  printLine(`Listening for binds on control socket: ${daemon.control.path}`);
  manager?.ready(statusText(daemon));
  return daemon;
}

/** Sends WATCHDOG=1 from the event loop, and not while it is stuck. */
function sendAliveFrom(
  daemon: Daemon,
  manager: ServiceManager | undefined,
): void {
  const interval = manager?.aliveInterval;
  if (manager === undefined || interval === undefined) return;
  daemon.report({ interval, beat: () => manager.alive() });
}

function raiseLimit(log: Log): void {
  try {
    raiseDescriptorLimit();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    log.warn("descriptor limit not raised", {
      reason: error.message,
    });
  }
}

function signalActions(
  daemon: Daemon,
  manager: ServiceManager | undefined,
  printLine: (line: string) => void,
  signals: SignalDescriptor,
): () => void {
  const upgrade = new Upgrade(daemon, {
    began: () => {
      printLine("Respawning...");
      manager?.reloading();
    },
    checked: () => takeAll(),
    replacing: () => manager?.alive(),
    abandoned: () => manager?.ready(statusText(daemon)),
  });
  const act = (signal: MaskedSignal) => {
    if (signal === "SIGUSR1") upgrade.request();
    else if (signal === "SIGHUP") rereadPolicy(daemon);
    else {
      logStop(daemon, signal);
      manager?.stopping();
      forgetControl(daemon, manager);
      daemon.stop();
    }
  };
  const takeAll = () => {
    for (let signal; (signal = signals.take()) !== undefined;) act(signal);
  };
  return takeAll;
}

/** The last line of the log, unless the stop fails. */
function logStop(daemon: Daemon, signal: MaskedSignal): void {
  if (daemon.signal.aborted) return;
  const { log, binds, clients, origin } = daemon;
  const uptime = (Date.now() - Date.parse(origin.startedAt)) / 1000;
  log.info("daemon stops", {
    signal,
    binds: binds.size,
    clients: clients.size,
    generation: origin.generation,
    uptime: `${Math.round(uptime)}s`,
  });
}

function warnIfRootWithoutPolicy(
  { control, authorization, log }: Daemon,
): void {
  if (userId() !== 0 || authorization.policy !== undefined) return;
  const permissions = permissionsOf(control.path);
  if ((permissions & 0o077) === 0) return;
  log.warn(
    "root daemon without a policy: its clients may bind any address",
    { mode: `0${permissions.toString(8)}`, remedy: "--policy FILE" },
  );
}

/** Permission bits, or 0 if they cannot be read: only a warning needs them. */
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
  DescriptorLimitError,
  InheritedSocketsError,
  MissingPermissionError,
  OptionError,
  OsError,
  OutputError,
  PolicyError,
  RequestError,
  StateError,
  TakeoverError,
  SocketAddressError,
  UnsupportedPlatformError,
];

/**
 * Runs the daemon's command line.
 *
 * @param program the name of the program in help and messages
 * @returns the exit status: 0 after SIGTERM or SIGINT, 1 after a failure, 2 for
 * a usage error.
 */
export async function main(
  args: readonly string[],
  program = "multibinder-server",
): Promise<number> {
  try {
    const command = readCommandLine(args, program);
    if ("policyCheck" in command) {
      return await policyStatus(command.policyCheck);
    }
    if ("show" in command) printLines(command.show);
    else if ("completions" in command) {
      await printCompletions(command.completions, program);
    } else if (isCheck()) await check(command.start);
    else await run(command.start);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      printErrors(`${program}: ${error.message}\nsee "${program} --help"`);
      return 2;
    }
    const expected = EXPECTED.some((type) => error instanceof type);
    const reason = expected ? (error as Error).message : Deno.inspect(error);
    printFailure(`${program}: ${reason}`);
    return 1;
  }
}
