import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { childrenOf, stopped } from "../support/process_life.ts";
import { Origin, Tunnel } from "../support/haproxy/long_connections.ts";
import { runWrapper, template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

/** Opens a tunnel, then reloads: the HAProxy that drains because of it. */
async function reloadWithTunnel(
  haproxy: Wrapped,
  text: string,
): Promise<{ tunnel: Tunnel; pid: number }> {
  const { pid } = await haproxy.ask();
  const tunnel = await Tunnel.open(haproxy.daemon);
  await haproxy.reload(text);
  await haproxy.says("is ready");
  // Until the old HAProxy has closed its listeners, it may accept too.
  await eventually("an answer of the new HAProxy", async () => {
    return (await haproxy.ask()).pid !== pid;
  });
  return { tunnel, pid };
}

Deno.test({
  name:
    "--max-draining: the HAProxy that drains longest is ended when one more drains, and the log says so",
  ignore,
  fn: async () => {
    await using origin = new Origin();
    const text = template("v1") + origin.sections;
    await using haproxy = await Wrapped.serving(text, [], {
      options: ["--max-draining", "2", "--drain-timeout", "never"],
    });
    using tunnels = new DisposableStack();
    const reloads: { tunnel: Tunnel; pid: number }[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const reload = await reloadWithTunnel(haproxy, text);
      reloads.push(reload);
      tunnels.use(reload.tunnel);
    }
    await eventually(
      "two that drain and one that serves",
      async () => (await childrenOf(haproxy.program.pid)).length === 3,
    );
    await haproxy.program.errors.sees(`HAProxy ${reloads[1]!.pid} ended after`);
    const cut = haproxy.program.errors.text.split("\n")
      .filter((line) => line.includes("of draining"));
    assertEquals(cut.length, 2, cut.join("\n"));
    for (const [turn, { pid, tunnel }] of reloads.entries()) {
      if (turn >= 2) await tunnel.echo("still here");
      else {
        assertMatch(
          cut[turn]!,
          new RegExp(
            `HAProxy ${pid} ended after .* of draining: limit of 2 \\(--max-draining\\)$`,
          ),
        );
        await assertRejects(() => tunnel.echo("cut"));
      }
    }
  },
});

Deno.test({
  name:
    "without options at most eight HAProxies drain, however many reloads come while connections stay open",
  ignore,
  fn: async () => {
    await using origin = new Origin();
    const text = template("v1") + origin.sections;
    await using haproxy = await Wrapped.serving(text);
    using tunnels = new DisposableStack();
    for (let turn = 0; turn < 11; turn++) {
      tunnels.use((await reloadWithTunnel(haproxy, text)).tunnel);
    }
    await eventually(
      "eight that drain and one that serves",
      async () => (await childrenOf(haproxy.program.pid)).length === 9,
    );
  },
});

Deno.test({
  name: "--drain-timeout: a HAProxy that drains for longer is ended",
  ignore,
  fn: async () => {
    await using origin = new Origin();
    const text = template("v1") + origin.sections;
    await using haproxy = await Wrapped.serving(text, [], {
      options: ["--drain-timeout", "100ms"],
    });
    const { tunnel, pid } = await reloadWithTunnel(haproxy, text);
    using _tunnel = tunnel;
    await eventually(
      "one child",
      async () => (await childrenOf(haproxy.program.pid)).length === 1,
    );
    await haproxy.program.errors.sees("(--drain-timeout)");
    assertMatch(
      haproxy.program.errors.text,
      new RegExp(
        `HAProxy ${pid} ended after .* of draining: limit of 100 ms \\(--drain-timeout\\)`,
      ),
    );
  },
});

Deno.test({
  name: "a HAProxy that does not end by SIGTERM is killed",
  ignore,
  fn: async () => {
    await using origin = new Origin();
    const text = template("v1") + origin.sections;
    await using haproxy = await Wrapped.serving(text, [], {
      options: ["--max-draining", "1"],
    });
    using tunnels = new DisposableStack();
    const { tunnel, pid } = await reloadWithTunnel(haproxy, text);
    tunnels.use(tunnel);
    await stopped(pid);
    tunnels.use((await reloadWithTunnel(haproxy, text)).tunnel);
    await haproxy.says(`HAProxy ${pid} ended with SIGKILL`);
  },
});

for (
  const [option, value] of [
    ["--max-draining", "0"],
    ["--max-draining", "many"],
    ["--drain-timeout", "soon"],
  ] as const
) {
  Deno.test(`${option} ${value} is an invalid command line`, async () => {
    const { code, errors } = await runWrapper(undefined, ["-f", "x.cfg"], {
      options: [option, value],
    });
    assertEquals(code, 2);
    assertMatch(errors, new RegExp(`invalid ${option} ${value}: expected`));
  });
}
