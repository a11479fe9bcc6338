import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { render, TemplateError } from "../../haproxy/mod.ts";
import { isCloseOnExec } from "../../ffi/files/descriptor.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";

Deno.test("each call gets its own descriptor, numbered from 3 in the order of the calls", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await withoutLeak(async () => {
    using rendering = await render(
      "<% for (const host of ['127.0.0.1', '::1', '127.0.0.1']) { %><%= bind_tcp(host, 0) %> <% } %>",
      { sock },
    );
    assertEquals(rendering.text, "fd@3 fd@4 fd@5 ");
    const { descriptors } = rendering;
    assertEquals(new Set(descriptors).size, 3);
    assert(descriptors.every(isCloseOnExec));
    const sockets = await Promise.all(
      descriptors.map((fd) => Deno.readLink(`/proc/self/fd/${fd}`)),
    );
    assertEquals(sockets[0], sockets[2]);
    assertNotEquals(sockets[0], sockets[1]);
  });
});

Deno.test("the control socket is the option sock, else MULTIBINDER_SOCK of the option env", async () => {
  await using daemon = await Daemon.start();
  const template = "<%= bind_tcp('127.0.0.1', 0) %>";
  const env = { MULTIBINDER_SOCK: daemon.sock };
  using byVariable = await render(template, { env });
  assertEquals(byVariable.text, "fd@3");
  using byOption = await render(template, { env: {}, sock: daemon.sock });
  assertEquals(byOption.text, "fd@3");
});

Deno.test({
  name: "the backlog is 10240 by default",
  ignore: await lacks("ss"),
  fn: async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    using _one = await render("<%= bind_tcp('127.0.0.1', 0) %>", { sock });
    using _other = await render("<%= bind_tcp('::1', 0, { backlog: 7 }) %>", {
      sock,
    });
    const listening = await new Deno.Command("ss", { args: ["-lntpH"] })
      .output();
    const queues = new TextDecoder().decode(listening.stdout).split("\n")
      .filter((line) => line.includes(`pid=${daemon.pid},`))
      .map((line) => Number(line.split(/\s+/)[2]));
    const limit = Number(
      await Deno.readTextFile("/proc/sys/net/core/somaxconn"),
    );
    assertEquals(queues.toSorted((a, b) => a - b), [7, Math.min(10240, limit)]);
  },
});

Deno.test("the error for a bind that the daemon refuses has the file, the line, the tag and the reason", async () => {
  await using daemon = await Daemon.start();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const tag = `<%= bind_tcp('127.0.0.1', ${port}) %>`;
  await withoutLeak(async () => {
    const error = await assertRejects(
      () =>
        render(`<%= bind_tcp('127.0.0.1', 0) %>\nbind ${tag}\n`, {
          sock: daemon.sock,
          name: "web.cfg.erb",
        }),
      TemplateError,
    );
    assertEquals([error.line, error.expression], [2, tag]);
    assertMatch(error.message, /^web\.cfg\.erb:2: Could not bind: .*in use/);
    assertMatch(error.message, /another program listens on this address/);
  });
});

Deno.test("a template with an error after its binds binds nothing", async () => {
  await using daemon = await Daemon.start();
  await assertRejects(
    () => render("<%= bind_tcp('::1', 0) %><%= no %>", { sock: daemon.sock }),
    TemplateError,
  );
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("the wait for a daemon that does not run can be aborted", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("nobody");
  const ending = new AbortController();
  const rendering = render("<%= bind_tcp('::1', 0) %>", {
    sock,
    signal: ending.signal,
  });
  ending.abort(new Error("enough"));
  await assertRejects(() => rendering, Error, "enough");
});
