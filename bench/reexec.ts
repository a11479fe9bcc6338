/**
 * The gap of a re-exec: how long the client waits that is unluckiest, with few
 * and with many sockets held, beside the start of an empty script.
 *
 *     deno run -A bench/reexec.ts [--rounds 15] [--binds 10,10000]
 *
 * A client binds one address again and again, each time on a new connection.
 * The gap of one re-exec is its longest wait from the SIGUSR1 to the first
 * answer of the next generation. Rounds are interleaved; figures are medians.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { connect } from "../client.ts";
import { hold } from "./held_sockets.ts";
import { machineLine, thisMachine } from "./machine.ts";
import { median } from "./measure.ts";
import { RunningServer } from "./programs.ts";
import { reexecGap, runScript } from "./reexec_gap.ts";
import { serverPrograms } from "./servers.ts";
import { figure, table } from "./table.ts";
import { timed } from "./timed.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    binds: { type: "string", default: "10,10000" },
  },
});
const rounds = Number(values.rounds);
const sizes = values.binds.split(",").map(Number);

const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
try {
  await using stack = new AsyncDisposableStack();
  const empty = `${folder}/empty.ts`;
  await Deno.writeTextFile(empty, "");
  const [program] = await serverPrograms(["daemon"], folder);
  const servers: { size: number; server: RunningServer; gaps: number[] }[] = [];
  for (const size of sizes) {
    const socket = `${folder}/${size}.sock`;
    const server = stack.use(await RunningServer.start(program!, socket));
    using session = await connect({ sock: socket });
    await hold(session, size);
    servers.push({ size, server, gaps: [] });
  }
  const starts: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const start = await timed(() => runScript(empty));
    // The first round compiles what the others find in Deno's cache.
    if (round > 0) starts.push(start);
    for (const { server, gaps } of servers) {
      const longest = await reexecGap(server);
      if (round > 0) gaps.push(longest);
    }
  }
  const base = median(starts);
  const first = median(servers[0]!.gaps);
  console.log(machineLine(await thisMachine()));
  console.log(`median of ${rounds} interleaved rounds\n`);
  console.log(table(
    [
      { heading: "" },
      { heading: "ms", align: "right" },
      { heading: "of empty script", align: "right" },
      { heading: `of ${sizes[0]} binds`, align: "right" },
    ],
    [
      ["empty script, start to end", figure(base, 1), "1.00", ""],
      ...servers.map(({ size, gaps }) => [
        `gap with ${figure(size)} binds`,
        figure(median(gaps), 1),
        figure(median(gaps) / base, 2),
        figure(median(gaps) / first, 2),
      ]),
    ],
  ));
} finally {
  await Deno.remove(folder, { recursive: true });
}
