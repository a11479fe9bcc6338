import { assert, assertEquals, assertMatch } from "@std/assert";
import { basename } from "@std/path";
import { ask } from "../support/activate/activated.ts";
import { clientCommand, portOf } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { settledWithChildren } from "../support/process_state.ts";
import { Program } from "../support/program.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** An example that starts a program. */
interface Example {
  /** The program, which has to be installed. */
  program: string;
  /** The file with the command in its first lines. */
  file: string;
  /** Whether the file contains the port. */
  hasPort?: boolean;
}

const EXAMPLES: readonly Example[] = [
  { program: "nginx", file: "examples/nginx/nginx.conf", hasPort: true },
  { program: "haproxy", file: "examples/haproxy_fd/haproxy.cfg" },
  { program: "gunicorn", file: "examples/gunicorn/app.py" },
  { program: "node", file: "examples/node/server.mjs" },
  { program: "python3", file: "examples/python/server.py" },
];

/** The command in the first lines of an example, as a shell reads it. */
async function commandIn(file: string): Promise<string> {
  const text = await Deno.readTextFile(treePath(file));
  const command = /multibinder-client run (?:.*\\\n)*.*/.exec(text)?.[0];
  assert(command !== undefined, `${file} does not say how to run it`);
  return command.replace(/\\\n[ #*]*/g, "");
}

/** A program that ends its children on SIGTERM. */
class Started implements AsyncDisposable {
  constructor(readonly program: Program) {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.signal("SIGTERM");
    await this.program.end();
    await this.program[Symbol.asyncDispose]();
  }
}

/** Paths for nginx: only root may write to the default ones. */
function temporaryPaths(scratch: Scratch): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((each) => `${each}_temp_path ${scratch.join(each)};`).join(" ");
}

/** Starts the command of an example with port 0, with `run` or `exec`. */
async function start(
  { file, hasPort }: Example,
  daemon: Daemon,
  scratch: Scratch,
  how: "run" | "exec",
): Promise<Started> {
  const [runOptions = "", rest = ""] = (await commandIn(file))
    .replace("multibinder-client run ", "").split("127.0.0.1:8000");
  const options = how === "run"
    ? runOptions
    : runOptions.replace(/--stop-signal \S+/, "");
  let command = `"$@" ${how} ${options} 127.0.0.1:0 ${rest}`;
  if (hasPort) {
    const copy = scratch.join(basename(file));
    const text = await Deno.readTextFile(treePath(file));
    const port = String(await portOf(daemon));
    await Deno.writeTextFile(
      copy,
      text.replaceAll("8000", port).replace("/run/", `${scratch.path}/`)
        .replace("http {", `http { ${temporaryPaths(scratch)}`),
    );
    command = command.replace(`$PWD/${file}`, copy);
  }
  const program = Program.start("sh", {
    args: ["-c", `exec ${command}`, "sh", ...clientCommand([])],
    cwd: treePath(""),
    env: { MULTIBINDER_SOCK: daemon.sock },
  });
  return new Started(program);
}

for (const example of EXAMPLES) {
  const { program, file } = example;
  const ignore = await lacks(program);

  Deno.test({
    name: `${file}: three reloads under load lose no request`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      await using scratch = await Scratch.make();
      await using started = await start(example, daemon, scratch, "run");
      const run = started.program;
      await run.errors.next("generation 1: ready");
      const port = await portOf(daemon);
      // A program that answers has its signal handlers in place.
      const names = new Set([await ask(port)]);
      const { lost } = await underLoad({ port }, async () => {
        for (const generation of [2, 3, 4]) {
          run.signal("SIGHUP");
          await run.errors.next(`generation ${generation}: ready`);
          const before = `generation ${generation - 1}: process`;
          const ended = await run.errors.next(before);
          assertMatch(ended, /exit code 0$/, run.errors.text);
          names.add(await ask(port));
        }
      }, { clients: 4, kinds: [false] });
      assertEquals(lost, []);
      assertEquals(names.size, 4, [...names].join());
      const [, pid] = /generation 4: started .* as process (\d+)/
        .exec(run.errors.text) ?? [];
      await settledWithChildren(Number(pid));
      run.signal("SIGTERM");
      assertEquals((await run.end()).code, 0);
    },
  });

  Deno.test({
    name: `${file}: the program also serves under exec`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      await using scratch = await Scratch.make();
      await using _exec = await start(example, daemon, scratch, "exec");
      assertMatch(await ask(await portOf(daemon)), /^hello from /);
    },
  });
}
