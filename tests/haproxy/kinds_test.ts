import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { runs } from "../support/process_life.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

/** The body of an answer on a UNIX socket. */
async function askAt(path: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
  const answer = await new Response(connection.readable).text();
  return answer.slice(answer.indexOf("\r\n\r\n") + 4).split(" ")[0]!;
}

Deno.test({
  name: "a UNIX socket and a UDP socket stay the same over a reload",
  ignore: await lacks("haproxy"),
  fn: async () => {
    const path = await Deno.makeTempDir() + "/web.sock";
    const forward = `
log-forward syslog
  dgram-bind <%= bind_udp('127.0.0.1', 0) %>
  log 127.0.0.1:514 local0
`;
    const bind =
      `<%= bind_unix('${path}', { mode: '0666' }) %>\n  bind <%= bind_tcp('127.0.0.1', 0) %>`;
    await using haproxy = await Wrapped.serving(
      template("v1", { bind }) + forward,
    );
    const { pid } = await haproxy.ask();
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o666);
    assertEquals(await askAt(path), "v1");
    const before = await descriptorsOf(pid);
    await haproxy.reload(template("v2", { bind }) + forward);
    await haproxy.says("is ready");
    await eventually(
      "the end of the old HAProxy",
      async () => !await runs(pid),
    );
    assertEquals(await askAt(path), "v2");
    const after = await descriptorsOf((await haproxy.ask()).pid);
    for (const fd of [3, 4, 5]) assertEquals(after.get(fd), before.get(fd));
    await Deno.remove(path.replace(/\/[^/]*$/, ""), { recursive: true });
  },
});
