import { assertEquals } from "@std/assert";
import { ask } from "../support/activate/activated.ts";
import { portOf, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { hasEnded } from "../support/process_life.ts";
import type { Program } from "../support/program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** Waits until `run` follows a new process: its PID. */
async function followed(run: Program): Promise<number> {
  const line = await run.errors.next("goes on in its place");
  return Number(/process (\d+) goes on/.exec(line)![1]);
}

/** Waits until a file has another text than `before`: its text. */
async function changedFile(path: string, before: string): Promise<string> {
  let text = before;
  await eventually(`a change of ${path}`, async () => {
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return text !== before && text.endsWith("\n");
  });
  return text;
}

/** A configuration for nginx; nginx has the socket in the variable NGINX. */
function nginxConfig(scratch: Scratch, port: number): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((each) => `${each}_temp_path ${scratch.join(each)};`).join(" ");
  return `error_log stderr;
pid ${scratch.join("pid")};
worker_processes 1;
events {}
http {
  access_log off;
  ${paths}
  server { listen 127.0.0.1:${port}; location / { return 200 "$pid"; } }
}
`;
}

Deno.test({
  name:
    "nginx that replaces itself by USR2 and QUIT, twice: run follows the new master, and no request is lost",
  ignore: await lacks("nginx") || await lacks("systemd-notify"),
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const port = await portOf(daemon);
    const config = scratch.join("nginx.conf");
    await Deno.writeTextFile(config, nginxConfig(scratch, port));
    // nginx ignores USR2 until the process that started it has ended, which has to
    // run until nginx has seen it.
    const nginx =
      `NGINX="{fd};" $(command -v nginx) -c ${config} -g "daemon off;" & until [ -s ${
        scratch.join("pid")
      } ]; do sleep 0.05; done; systemd-notify --pid=$! --ready`;
    await using run = startClient(daemon, [
      "run",
      "--nonblock",
      "--stop-signal",
      "QUIT",
      "--ready",
      "notify",
      "127.0.0.1:0",
      "--",
      "sh",
      "-c",
      nginx,
    ]);
    let master = await followed(run);
    await ask(port);
    const { lost } = await underLoad({ port }, async ({ names }) => {
      for (let turn = 0; turn < 2; turn++) {
        Deno.kill(master, "SIGUSR2");
        const next = Number(
          await changedFile(scratch.join("pid"), `${master}\n`),
        );
        Deno.kill(master, "SIGQUIT");
        assertEquals(await followed(run), next);
        await ask(port);
        master = next;
      }
      run.signal("SIGHUP");
      await run.errors.next("generation 2: ready");
      await run.errors.next(`generation 1: process ${master} ended with exit`);
      await eventually(
        "run follows nginx of generation 2",
        () => run.errors.text.match(/goes on in its place/g)?.length === 4,
      );
      await eventually("answers of each nginx", () => names.size >= 4);
    }, { kinds: [false] });
    assertEquals(lost, []);
    run.signal("SIGTERM");
    const { code, errors } = await run.end();
    assertEquals(code, 0);
    assertEquals(errors.match(/started sh/g)?.length, 2, errors);
  },
});

Deno.test({
  name:
    "a program that names its successor by MAINPID= is followed whatever its exit code; the end of the successor is a crash like others",
  ignore: await lacks(PYTHON),
  fn: async () => {
    await using daemon = await Daemon.start();
    const service = treePath("tests/support/run/self_replacing.py");
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "notify",
      "127.0.0.1:0",
      "--",
      PYTHON,
      service,
      "3",
    ]);
    await run.errors.next("generation 1: ready");
    const port = await portOf(daemon);
    const first = Number(await ask(port));
    Deno.kill(first, "SIGUSR2");
    const second = await followed(run);
    assertEquals(Number(await ask(port)), second);
    Deno.kill(second, "SIGUSR2");
    const third = await followed(run);
    assertEquals(Number(await ask(port)), third);
    Deno.kill(third, "SIGKILL");
    await run.errors.next(`process ${third} ended with SIGKILL`);
    await run.errors.next("generation 2: ready");
    run.signal("SIGTERM");
    assertEquals((await run.end()).signal, "SIGTERM");
  },
});

const LEFT: [what: string, command: string[]][] = [
  ["a child of another program", ["sh", "-c", "sleep 600 & echo left $!"]],
  ["a worker that it has forked", [
    PYTHON,
    "-c",
    "import os, time; child = os.fork(); print('left', child, flush=True) if child else time.sleep(600)",
  ]],
];

for (const [what, command] of LEFT) {
  Deno.test({
    name:
      `a program that exits with 0 and leaves ${what} behind is started again, and the child is ended`,
    ignore: await lacks(PYTHON),
    fn: async () => {
      await using daemon = await Daemon.start();
      await using run = startClient(daemon, [
        "run",
        "127.0.0.1:0",
        "--",
        ...command,
      ]);
      const left = (await run.output.next("left")).split(" ")[1]!;
      await run.errors.next("generation 2: started");
      await eventually(
        "the end of the child",
        () => hasEnded(Number(left)),
      );
      run.signal("SIGTERM");
      await run.end();
      assertEquals(
        run.errors.text.includes("goes on"),
        false,
        run.errors.text,
      );
    },
  });
}
