import { formatDuration } from "../../duration.ts";
import { NotReadyError } from "../../supervisor/errors.ts";
import { formatEnding, type Report } from "../../supervisor/report.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { Program } from "../program.ts";
import { HaproxyProcess } from "./haproxy_process.ts";
import { ReadinessProbe } from "./readiness_probe.ts";

/** What a new HAProxy is started with. */
export interface TakeOverOptions {
  program: Program;
  configuration: Configuration;
  /** The processes that it replaces. */
  before: readonly HaproxyProcess[];
  /** How long it may take until it is ready, in ms. */
  timeout: number;
  report: Report;
  /** Hears of the new process at once, before it is ready. */
  started: (process: HaproxyProcess) => void;
  /** Prevents the start. Later it has no effect. */
  signal: AbortSignal;
}

/**
 * Starts a HAProxy that takes over from others: resolves when it is ready and
 * the others drain. When it fails, the others serve as before.
 *
 * @throws {StartError}
 * @throws {NotReadyError}
 */
export async function takeOver(
  options: TakeOverOptions,
): Promise<HaproxyProcess> {
  const { program, configuration, before, report, started, signal } = options;
  const probe = ReadinessProbe.start();
  try {
    signal.throwIfAborted();
    const oldPids = [...before.map(({ pid }) => pid), probe.pid];
    const next = new HaproxyProcess(
      program,
      configuration,
      oldPids,
      report,
    );
    started(next);
    await untilReady(next, probe, options);
    return next;
  } finally {
    await probe.end();
  }
}

async function untilReady(
  next: HaproxyProcess,
  probe: ReadinessProbe,
  { before, timeout }: TakeOverOptions,
): Promise<void> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    next.kill();
  }, timeout);
  await Promise.race([probe.result, next.ended]);
  clearTimeout(timer);
  const result = await probe.end();
  if (result === "not ready") {
    for (const each of before) each.resume();
    const ending = await next.ended;
    const what = isLate
      ? `was not ready within ${formatDuration(timeout)} and was killed`
      : `ended with ${formatEnding(ending)} before it was ready`;
    throw new NotReadyError(`HAProxy ${next.pid} ${what}`, ending, next.age);
  }
  for (const each of before) {
    // Of a ready HAProxy it is known that it has sent SIGUSR1 itself.
    if (result === "ready") each.isDraining = true;
    else each.drain();
  }
}
