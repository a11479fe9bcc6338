import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { assertOpenKinds, openKinds } from "../support/open_descriptors.ts";
import { childrenOf, runs } from "../support/process_life.ts";
import { ChildWatch } from "../support/haproxy/child_watch.ts";
import {
  Origin,
  RestingConnection,
  startDownload,
  Tunnel,
} from "../support/haproxy/long_connections.ts";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

const RELOADS = 20;

/**
 * Reloads between two tunnels. Few, because a HAProxy that drains still wakes at
 * every connection to a socket that it shares (epoll(7), Q6).
 */
const TUNNEL_EVERY = 7;

Deno.test({
  name:
    "twenty reloads under load with long connections: none is lost, every child is reaped, no process is left",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using origin = new Origin();
    const text = (turn: number) => template(`v${turn}`) + origin.sections;
    await using haproxy = await Wrapped.serving(text(0));
    const { daemon, program: { pid } } = haproxy;
    const oneChild = () =>
      eventually(
        "one child",
        async () => (await childrenOf(pid)).length === 1,
      );
    await haproxy.reload(text(0));
    await haproxy.says("is ready");
    await oneChild();
    const before = await openKinds(pid);

    await using watch = new ChildWatch(pid);
    const download = await startDownload(daemon);
    const tunnels: Tunnel[] = [];
    using tunnelsToClose = new DisposableStack();
    let pieces = "begun;";
    const { lost, names } = await underLoad(haproxy, async (seen) => {
      for (let turn = 1; turn <= RELOADS; turn++) {
        if (turn % TUNNEL_EVERY === 1) {
          tunnels.push(tunnelsToClose.use(await Tunnel.open(daemon)));
        }
        using resting = await RestingConnection.open(haproxy.port);
        await Deno.remove(haproxy.pidFile);
        await haproxy.reload(text(turn));
        const line = await haproxy.says("is ready");
        const [, serving] = /HAProxy (\d+) is ready/.exec(line)!;
        assertEquals(
          await Deno.readTextFile(haproxy.pidFile),
          `${serving}\n`,
        );
        await haproxy.askFor(`v${turn}`);
        await untilSeen(seen, new RegExp(`^v${turn} `));
        await resting.ask();
        for (const tunnel of tunnels) await tunnel.echo(`turn ${turn}`);
        origin.send(`${turn};`);
        pieces += `${turn};`;
      }
    });
    assertEquals(lost, []);
    const versions = new Set([...names].map((name) => name.split(" ")[0]));
    assertEquals(versions.size, RELOADS + 1);

    const still = /still draining: (.*)/.exec(
      haproxy.program.errors.text.split("\n")
        .findLast((line) => line.includes("is ready"))!,
    )![1]!.split(", ").map(Number);
    const children = await childrenOf(pid);
    assert(still.some((each) => children.includes(each)));
    tunnelsToClose.dispose();
    origin.endDownload();
    assertEquals(await download.text, pieces);
    await oneChild();
    assertEquals(await watch.zombies(), []);
    assertEquals([...watch.unreaped], []);
    await assertOpenKinds(pid, before);

    haproxy.program.signal("SIGTERM");
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 0, errors);
    assert(watch.seen.size >= 2 * RELOADS);
    for (const each of watch.seen) assert(!await runs(each), `${each} runs`);
  },
});
