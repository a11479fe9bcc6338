import { assertEquals, assertStringIncludes } from "@std/assert";
import { portOf, runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignorePython = await lacks(PYTHON);
const ignoreGunicorn = await lacks("gunicorn");

const SERVICES: Readonly<Record<string, readonly string[]>> = {
  "Python's http.server": [PYTHON, treePath("examples/python/server.py")],
  "Deno with inherited()": [
    Deno.execPath(),
    "run",
    "-A",
    treePath("tests/support/client/inherited_http.ts"),
  ],
};

for (const [name, command] of Object.entries(SERVICES)) {
  for (const address of ["127.0.0.1:0", "unix:PATH"]) {
    Deno.test({
      name:
        `--ready http: ${name} on ${address} is ready at first and at a reload`,
      ignore: ignorePython,
      fn: async () => {
        await using scratch = await Scratch.make();
        await using daemon = await Daemon.start();
        const path = scratch.join("web.sock");
        await using run = startClient(daemon, [
          "run",
          "--ready",
          "http:/",
          address.replace("PATH", path),
          "--",
          ...command,
        ]);
        await run.errors.next("generation 1: ready");
        run.signal("SIGHUP");
        await run.errors.next("generation 2: ready");
        await run.errors.next("generation 1: process");
        run.signal("SIGTERM");
        const { errors } = await run.end();
        assertStringIncludes(errors, "generation 2: process");
      },
    });
  }
}

const APP = (status: string) =>
  `def app(environ, start_response):
    start_response("${status}", [("Content-Length", "0")])
    return [b""]
`;

Deno.test({
  name:
    "--ready http: gunicorn without --preload does not take over with a broken application",
  ignore: ignoreGunicorn,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const app = scratch.join("app.py");
    await Deno.writeTextFile(app, APP("200 OK"));
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "http:/",
      "--ready-timeout",
      "6s",
      "127.0.0.1:0",
      "--",
      "gunicorn",
      "--chdir",
      scratch.path,
      "app:app",
    ], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
    await run.errors.next("generation 1: ready");
    const port = await portOf(daemon);
    for (
      const broken of ['raise RuntimeError("broken")\n', APP("500 Broken")]
    ) {
      await Deno.writeTextFile(app, broken);
      run.signal("SIGHUP");
      await run.errors.next("reload failed: generation 1 keeps serving");
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      await answer.body?.cancel();
      assertEquals(answer.status, 200);
    }
    await Deno.writeTextFile(app, APP("204 No Content"));
    run.signal("SIGHUP");
    await run.errors.next("generation 4: ready");
    run.signal("SIGTERM");
    await run.end();
  },
});

Deno.test("--ready tcp and http need a TCP or UNIX stream socket", async () => {
  for (const ready of ["tcp", "http:/"]) {
    const { code, errors } = await runClient(undefined, [
      "run",
      "--ready",
      ready,
      "udp://127.0.0.1:0",
      "--",
      "true",
    ]);
    assertEquals(code, 2);
    assertStringIncludes(errors, "needs a TCP or UNIX stream socket");
  }
});
