import type { Holder } from "../../session/holders.ts";
import { cutToWidth, printable } from "./text_width.ts";

/** How many PIDs of one command are shown; others are counted. */
const MAX_PIDS = 3;

/** The width of a command line. */
const COMMAND_WIDTH = 32;

/**
 * Processes, grouped by command and user: `4711+4712 python3 app.py (web), process
 * 4713 (not visible)`. Empty without a process.
 *
 * @param notVisible PIDs of processes that could not be inspected
 */
export function holdersText(
  holders: readonly Holder[],
  notVisible: readonly number[] = [],
): string {
  const groups = Map.groupBy(
    holders,
    ({ command, user }) => `${shortCommand(command)} (${user})`,
  );
  const known = Array.from(
    groups,
    ([program, each]) => `${pids(each)} ${program}`,
  );
  const others = notVisible.map((pid) => `process ${pid} (not visible)`);
  return printable([...known, ...others].join(", "));
}

function pids(holders: readonly Holder[]): string {
  const shown = holders.slice(0, MAX_PIDS).map(({ pid }) => pid).join("+");
  const more = holders.length - MAX_PIDS;
  return more > 0 ? `${shown}+${more} more` : shown;
}

/** The program without its directory, and its arguments without options. */
function shortCommand(command: string): string {
  const [program = "", ...args] = command.replace(/^\/\S*\//, "").split(" ");
  const operands = args.filter((each) => !each.startsWith("-"));
  return cutToWidth([program, ...operands].join(" "), COMMAND_WIDTH);
}
