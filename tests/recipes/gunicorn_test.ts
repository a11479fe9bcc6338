import { assert, assertEquals } from "@std/assert";
import { portOf, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** A WSGI application that answers with `text`. */
const application = (text: string) =>
  `def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"${text}"]
`;

/** The words of the command that README has for gunicorn. */
async function commandOfReadme(): Promise<string[]> {
  const readme = await Deno.readTextFile(treePath("README.md"));
  const command = /client run 127\.0\.0\.1:8001 -- (gunicorn .*)$/m.exec(
    readme,
  );
  assert(command !== null);
  return command[1]!.split(" ");
}

Deno.test({
  name:
    "README's gunicorn keeps serving if a reload finds a broken application, and serves the mended one",
  ignore: await lacks("gunicorn"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const write = (text: string) =>
      Deno.writeTextFile(scratch.join("app.py"), text);
    await write(application("first"));
    await using daemon = await Daemon.start();
    const [gunicorn = "", ...args] = await commandOfReadme();
    await using program = startClient(daemon, [
      ...["run", "127.0.0.1:0", "--", gunicorn],
      ...["--pythonpath", scratch.path, ...args],
    ], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
    await program.errors.next("generation 1: ready");
    const url = `http://127.0.0.1:${await portOf(daemon)}/`;
    const ask = async () =>
      await (await fetch(url, { headers: { connection: "close" } })).text();
    assertEquals(await ask(), "first");
    await write("raise ImportError('not today')\n");
    program.signal("SIGHUP");
    await program.errors.next("reload failed: generation 1 keeps serving");
    assertEquals(await ask(), "first");
    await write(application("second"));
    program.signal("SIGHUP");
    await program.errors.next("ready");
    await program.errors.next("generation 1: process");
    assertEquals(await ask(), "second");
    program.signal("SIGTERM");
    await program.end();
  },
});
