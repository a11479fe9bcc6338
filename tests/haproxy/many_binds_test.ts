import { assert, assertEquals } from "@std/assert";
import { render } from "../../haproxy/mod.ts";
import { Daemon } from "../daemon.ts";
import { lacks } from "../foreign_program.ts";
import { descriptorsOf } from "../process_state.ts";
import { Scratch } from "../tree.ts";
import { startWrapper, template } from "./wrapped.ts";

const COUNT = 1000;

/** Ports that a bind of 0 cannot tell apart: each is an address of its own. */
const BIND =
  `<% for (let n = 0; n < ${COUNT}; n++) { -%>\n  bind <%= bind_tcp(\`127.1.\${n >> 8}.\${n & 255}\`, 0) %>\n<% } -%>`;

Deno.test("a thousand binds are rendered in less than two seconds", async () => {
  await using daemon = await Daemon.start();
  const began = performance.now();
  using rendering = await render(BIND, { sock: daemon.sock });
  const took = performance.now() - began;
  assertEquals(rendering.descriptors.length, COUNT);
  assertEquals(rendering.text.match(/fd@\d+/g)?.at(-1), `fd@${COUNT + 2}`);
  assert(took < 2000, `${took} ms`);
});

Deno.test({
  name: "HAProxy has a thousand different sockets at the numbers it was told",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const text = template("v1").replace(/^ {2}bind .*\n/m, `${BIND}\n`);
    await Deno.writeTextFile(scratch.join("web.cfg.erb"), text);
    await using program = startWrapper(daemon.sock, [
      "-f",
      scratch.join("web.cfg.erb"),
    ]);
    const line = await program.errors.next("is ready");
    const pid = Number(/HAProxy (\d+) is ready/.exec(line)?.[1]);
    const open = await descriptorsOf(pid);
    const sockets = Array.from({ length: COUNT }, (_, n) => open.get(n + 3));
    assertEquals(new Set(sockets).size, COUNT);
    assert(sockets.every((each) => each?.startsWith("socket:")));
    program.signal("SIGTERM");
    assertEquals((await program.end()).code, 0);
  },
});
