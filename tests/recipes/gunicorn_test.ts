import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientCommand, portOf } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks("gunicorn");

/** Every command on a page that runs gunicorn under `run`. */
async function recipesIn(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(treePath(page));
  return text.match(/\brun \S+ -- (?:\\\n)?\s*gunicorn [^`\n]*/g) ?? [];
}

/** An application that answers with a text. */
function application(text: string): string {
  return `def application(environ, start_response):
    body = b"${text}"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

app = application
`;
}

Deno.test("every recipe for gunicorn has --preload", async () => {
  const pages = [
    "README.md",
    "docs/compile.md",
    "docs/serving.md",
    "examples/gunicorn/app.py",
  ];
  const recipes = await Promise.all(pages.map(recipesIn));
  assert(recipes.every((each) => each.length > 0), JSON.stringify(recipes));
  for (const recipe of recipes.flat()) assertMatch(recipe, / --preload /);
});

Deno.test({
  name:
    "gunicorn as in README: an application that does not load fails the reload, and the site stays up",
  ignore,
  fn: async () => {
    const [recipe = ""] = await recipesIn("README.md");
    const [, gunicorn = ""] = recipe.split(" -- ");
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(scratch.join("app.py"), application("v1"));
    await using daemon = await Daemon.start();
    const command = clientCommand([
      "run",
      "127.0.0.1:0",
      "--",
      ...gunicorn.split(" "),
    ]);
    await using run = Program.start(command[0]!, {
      args: command.slice(1),
      // Python keeps a compiled copy of a module for each second of its time.
      env: { MULTIBINDER_SOCK: daemon.sock, PYTHONDONTWRITEBYTECODE: "1" },
      cwd: scratch.path,
    });
    await run.errors.next("generation 1: ready");
    const port = await portOf(daemon);
    const { lost, names } = await underLoad({ port }, async () => {
      const broken = ["this is not python\n", "import no_such_module\n", ""];
      for (const text of broken) {
        await Deno.writeTextFile(scratch.join("app.py"), text);
        run.signal("SIGHUP");
        await run.errors.next("reload failed: generation 1 keeps serving");
      }
      await Deno.writeTextFile(scratch.join("app.py"), application("v2"));
      run.signal("SIGHUP");
      await run.errors.next("generation 5: ready");
      await run.errors.next("generation 1: process");
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      assertEquals(await answer.text(), "v2");
    }, { kinds: [false] });
    assertEquals(lost, []);
    assertEquals([...names].sort(), ["v1", "v2"]);
    run.signal("SIGTERM");
    assertEquals((await run.end()).code, 0);
  },
});
