import { assertEquals, assertMatch } from "@std/assert";
import { filesBelow } from "../../tools/files_below.ts";
import { stagePackages } from "../../tools/stage_packages.ts";
import { VERSION } from "../../version.ts";
import { bind } from "../../client.ts";
import { ask } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { lineStartingWith } from "../support/packages/output_line.ts";
import { Program } from "../support/program.ts";

/** A directory with the staged registry in `jsr/`, removed at the end. */
async function withStagedPackages(
  test: (
    place: { directory: string; env: Record<string, string> },
  ) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await stagePackages(`${directory}/jsr`);
    const env = { JSR_URL: `file://${directory}/jsr/`, NO_COLOR: "1" };
    await test({ directory, env });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("each package has only its own side, and no import that needs our import map", async () => {
  await withStagedPackages(async ({ directory }) => {
    for (
      const [name, rooms] of [
        ["server", ["completions", "ffi", "server"]],
        ["client", ["client", "completions", "ffi", "haproxy", "supervisor"]],
        ["multibinder", [
          "client",
          "completions",
          "ffi",
          "haproxy",
          "server",
          "supervisor",
        ]],
      ] as const
    ) {
      const version = `${directory}/jsr/@multibinder/${name}/${VERSION}`;
      const folders: string[] = [];
      for await (const entry of Deno.readDir(version)) {
        if (entry.isDirectory) folders.push(entry.name);
      }
      assertEquals(folders.sort(), [...rooms], name);
      for (const path of await filesBelow(version)) {
        if (!path.endsWith(".ts")) continue;
        const bare = /^(?:import|export)\b[^;"]*\bfrom "(?!jsr:|npm:|node:|\.)/m
          .exec(await Deno.readTextFile(version + path));
        assertEquals(bare?.[0], undefined, path);
      }
    }
  });
});

Deno.test("deno run -A jsr:@multibinder/server and bind of jsr:@multibinder/client", async () => {
  await withStagedPackages(async ({ directory, env }) => {
    const socket = `${directory}/control.sock`;
    const daemon = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "jsr:@multibinder/server", socket],
      cwd: directory,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { line, ended } = await lineStartingWith(daemon.stdout, "Listening");
    try {
      assertEquals(line, `Listening for binds on control socket: ${socket}`);
      await Deno.writeTextFile(
        `${directory}/service.ts`,
        `import { bind } from "jsr:@multibinder/client";
using web = await bind("127.0.0.1", 0);
console.log(JSON.stringify(web.addr));
`,
      );
      const service = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--check", "-A", `${directory}/service.ts`],
        cwd: directory,
        env: { ...env, MULTIBINDER_SOCK: socket },
      }).output();
      const printed = new TextDecoder().decode(service.stdout);
      assertEquals(
        service.code,
        0,
        new TextDecoder().decode(service.stderr) + printed,
      );
      assertMatch(
        printed,
        /^\{"transport":"tcp","hostname":"127\.0\.0\.1","port":[1-9]\d*\}\n$/,
      );
    } finally {
      daemon.kill("SIGTERM");
      await ended;
    }
    assertEquals((await daemon.status).code, 0);
  });
});

Deno.test("jsr:@multibinder/multibinder exports both sides, together and each alone", async () => {
  await withStagedPackages(async ({ directory, env }) => {
    await Deno.writeTextFile(
      `${directory}/faces.ts`,
      `import * as both from "jsr:@multibinder/multibinder";
import { bind } from "jsr:@multibinder/multibinder/client";
import { serve } from "jsr:@multibinder/multibinder/server";
console.log(both.bind === bind, both.serve === serve);
`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--check", "-A", `${directory}/faces.ts`],
      cwd: directory,
      env,
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout),
      "true true\n",
      new TextDecoder().decode(stderr),
    );
  });
});

Deno.test("deno run -A jsr:@multibinder/client/haproxy, and render of it", async () => {
  await withStagedPackages(async ({ directory, env }) => {
    const template = "bind <%= bind_tcp('127.0.0.1', 8000) %>\n";
    await Deno.writeTextFile(`${directory}/web.cfg.erb`, template);
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", ...args],
        cwd: directory,
        env: { ...env, MULTIBINDER_SOCK: "" },
      }).output();
      const [output, errors] = [stdout, stderr].map((bytes) =>
        new TextDecoder().decode(bytes)
      );
      return output || errors;
    };
    assertEquals(
      await run(
        "jsr:@multibinder/client/haproxy",
        "--write-only",
        "haproxy",
        "-f",
        "web.cfg.erb",
      ),
      "Wrote web.cfg\n",
    );
    assertEquals(
      await Deno.readTextFile(`${directory}/web.cfg`),
      "bind 127.0.0.1:8000\n",
    );
    await Deno.writeTextFile(
      `${directory}/render.ts`,
      `import { render } from "jsr:@multibinder/client/haproxy";
using rendering = await render("<%= 1 + 1 %>");
console.log(rendering.text);
`,
    );
    assertEquals(await run("--check", `${directory}/render.ts`), "2\n");
  });
});

Deno.test("deno run -A --preload jsr:@multibinder/client/activate, and of the package with everything", async () => {
  await withStagedPackages(async ({ directory, env }) => {
    using own = OwnPort.take();
    const { number: port } = own;
    await Deno.writeTextFile(
      `${directory}/main.ts`,
      `using listener = Deno.listen({ port: ${port}, hostname: "127.0.0.1" });
console.log(listener.addr.port);
`,
    );
    for (const name of ["client", "multibinder"]) {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          `--preload=jsr:@multibinder/${name}/activate`,
          `${directory}/main.ts`,
        ],
        cwd: directory,
        env: { ...env, MULTIBINDER_SOCK: `${directory}/missing.sock` },
      }).output();
      const [output, errors] = [stdout, stderr].map((bytes) =>
        new TextDecoder().decode(bytes)
      );
      assertMatch(
        errors!,
        /^multibinder-activate: 127\.0\.0\.1:\d+ is not shared: /m,
      );
      assertEquals(output, `${port}\n`);
    }
  });
});

Deno.test("deno run jsr:@multibinder/client serve ADDR MODULE, with a deno.json of the module that replaces our package", async () => {
  await withStagedPackages(async ({ directory, env }) => {
    await using daemon = await Daemon.start();
    const app = `${directory}/app`;
    await Deno.mkdir(app);
    await Deno.writeTextFile(
      `${app}/deno.json`,
      JSON.stringify({
        imports: {
          "jsr:@multibinder/client": "./other.ts",
          "jsr:@multibinder/client/serve": "./other.ts",
          "./greeting.ts": "./other.ts",
        },
      }),
    );
    await Deno.writeTextFile(`${app}/other.ts`, 'export const name = "other";');
    await Deno.writeTextFile(
      `${app}/main.ts`,
      `import { name } from "./greeting.ts";
export default { fetch: () => new Response(name) };
`,
    );
    using socket = await bind("127.0.0.1:0", { sock: daemon.sock });
    const { port } = socket.addr as Deno.NetAddr;
    await using serve = Program.start(Deno.execPath(), {
      args: ["run", "--no-config", "-A", "jsr:@multibinder/client", "serve"]
        .concat("127.0.0.1:0", "main.ts"),
      cwd: app,
      env: { ...env, MULTIBINDER_SOCK: daemon.sock },
    });
    await serve.errors.next("generation 1: ready");
    assertEquals(await ask(port), "other");
    serve.signal("SIGTERM");
    await serve.end();
  });
});
