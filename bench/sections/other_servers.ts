/**
 * Binds per second, compared with other servers that pass descriptors: the
 * Ruby server of this project's tests, and s6-fdholderd. To retrieve a stored
 * descriptor from s6-fdholderd is the equivalent of a bind of a held socket.
 *
 * @module
 */
import { compare, type Row } from "../report/row.ts";
import { compile, CompileError } from "../support/compile.ts";
import { isInstalled } from "../support/installed.ts";
import { runLoad } from "../support/load.ts";
import { measureRounds } from "../support/rounds.ts";
import { RunningServer } from "../support/running_server.ts";
import { retrievalsPerSecond, S6Fdholderd } from "../support/s6_fdholderd.ts";
import { DAEMON, RUBY_TEST_SERVER } from "../support/servers.ts";
import { type Context, skip } from "./section.ts";

/** Measures with each server that is installed. */
export async function otherServers(context: Context): Promise<Row[]> {
  return [...await rubyRows(context), ...await s6Rows(context)];
}

async function rubyRows(context: Context): Promise<Row[]> {
  const { name } = RUBY_TEST_SERVER;
  if (!await isInstalled("ruby")) return skip(name, "ruby is not installed");
  const { folder } = context;
  const load = await compile("load", folder);
  await using daemon = await RunningServer.start(DAEMON, `${folder}/1.sock`);
  await using ruby = await RunningServer.start(
    RUBY_TEST_SERVER,
    `${folder}/ruby.sock`,
  );
  const rows: Row[] = [];
  for (const clients of [1, 32]) {
    const rounds = await measureRounds(context, {
      ours: () => bindsPerSecond(load, daemon, clients, context),
      theirs: () => bindsPerSecond(load, ruby, clients, context),
    });
    rows.push(rowOf(rounds, name, clients));
  }
  return rows;
}

async function s6Rows(context: Context): Promise<Row[]> {
  const name = "s6-fdholderd";
  if (!await isInstalled("s6-fdholder-daemon")) {
    return skip(name, "s6-fdholder-daemon is not installed");
  }
  const { folder, seconds } = context;
  const load = await compile("load", folder);
  let s6Load: string;
  try {
    s6Load = await compile("s6_fdholder_load", folder, ["s6", "skarnet"]);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return skip(name, "it needs the header files of libs6 (libs6-dev)");
  }
  const socket = `${folder}/s6.sock`;
  await using daemon = await RunningServer.start(DAEMON, `${folder}/2.sock`);
  await using _s6 = await S6Fdholderd.start(socket, folder);
  const rounds = await measureRounds(context, {
    ours: () => bindsPerSecond(load, daemon, 1, context),
    theirs: () => retrievalsPerSecond(s6Load, socket, seconds),
  });
  return [rowOf(rounds, name, 1)];
}

async function bindsPerSecond(
  load: string,
  { socket }: RunningServer,
  clients: number,
  { seconds, signal }: Context,
): Promise<number> {
  const report = await runLoad(load, socket, { clients, seconds }, signal);
  return report.binds_per_second;
}

function rowOf(
  rounds: readonly { ours: number; theirs: number }[],
  name: string,
  clients: number,
): Row {
  return {
    group: "binds per second, other servers",
    name: `${name}, ${clients === 1 ? "1 client" : `${clients} clients`}`,
    ...compare(rounds, ({ ours }) => ours, ({ theirs }) => theirs, name),
    unit: "binds/s",
    better: "higher",
  };
}
