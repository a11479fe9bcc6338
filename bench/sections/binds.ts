/**
 * Binds per second and the latency of a bind, compared with the C floor. Each
 * bind has a connection of its own. The daemon logs each bind to a file.
 *
 * @module
 */
import { compare, type Row } from "../report/row.ts";
import { compile } from "../support/compile.ts";
import { runLoad } from "../support/load.ts";
import { measureRounds } from "../support/rounds.ts";
import { RunningServer } from "../support/running_server.ts";
import { compileFloor, DAEMON } from "../support/servers.ts";
import type { Context } from "./section.ts";

/** Measures with 1 and with 32 clients. */
export async function binds(context: Context): Promise<Row[]> {
  const { folder, seconds, signal } = context;
  const load = await compile("load", folder);
  await using floor = await RunningServer.start(
    await compileFloor(folder),
    `${folder}/floor.sock`,
  );
  await using daemon = await RunningServer.start(
    DAEMON,
    `${folder}/daemon.sock`,
  );
  const rows: Row[] = [];
  for (const clients of [1, 32]) {
    const run = ({ socket }: RunningServer) => () =>
      runLoad(load, socket, { clients, seconds }, signal);
    const rounds = await measureRounds(context, {
      floor: run(floor),
      daemon: run(daemon),
    });
    const compareFigure = (figure: "binds_per_second" | "p99_us") =>
      compare(
        rounds,
        ({ daemon }) => daemon[figure],
        ({ floor }) => floor[figure],
        "C floor",
      );
    const name = clients === 1 ? "1 client" : `${clients} clients`;
    rows.push({
      group: "binds per second",
      name,
      ...compareFigure("binds_per_second"),
      unit: "binds/s",
      better: "higher",
      target: { of: "ratio", atLeast: 0.5 },
    }, {
      group: "latency of a bind",
      name: `p99, ${name}`,
      ...compareFigure("p99_us"),
      unit: "us",
      better: "lower",
      noise: 2,
      target: { of: "ratio", atMost: 3 },
    });
  }
  return rows;
}
