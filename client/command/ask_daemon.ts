import { formatDuration } from "../../duration.ts";
import { printErrors } from "../../ffi/files/standard_streams.ts";
import { limitsOf } from "../session/options.ts";
import { connectToRunning, type Session } from "../session/session.ts";
import { socketPath } from "../session/socket_path.ts";
import { programName } from "./program_name.ts";

/** How long a wait may take before a person is told about it, in ms. */
const NOTICE_DELAY = 1_000;

/** Calls `notice` once if `work` takes long. */
export async function withNotice<T>(
  work: Promise<T>,
  notice: () => void,
): Promise<T> {
  const timer = setTimeout(notice, NOTICE_DELAY);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks a daemon that listens already. If the answer takes long, standard error
 * says what is awaited and for how long.
 *
 * @param command the name of the command, for that line
 */
export async function askDaemon<T>(
  command: string,
  sock: string | undefined,
  ask: (session: Session) => Promise<T>,
): Promise<T> {
  const path = socketPath(sock);
  using session = await connectToRunning({ sock: path });
  const timeout = formatDuration(limitsOf({}).timeout);
  return await withNotice(ask(session), () => {
    printErrors(
      `${programName()} ${command}: waiting up to ${timeout} for an answer of the daemon at ${path}`,
    );
  });
}
