import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { render } from "../../haproxy/mod.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { within } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import { startWrapper, template } from "../support/haproxy/wrapped.ts";

const COUNT = 1000;

/** Different hosts, because binds of port 0 on one host are one socket. */
const HOSTS = Array.from(
  { length: COUNT },
  (_, n) => `127.1.${n >> 8}.${n & 255}`,
);

const BIND =
  `<% for (let n = 0; n < ${COUNT}; n++) { -%>\n  bind <%= bind_tcp(\`127.1.\${n >> 8}.\${n & 255}\`, 0) %>\n<% } -%>`;

async function portsOf({ sock }: Daemon): Promise<number[]> {
  using session = await connect({ sock });
  const ports: number[] = [];
  for (const host of HOSTS) {
    using socket = await session.bind(host, 0);
    ports.push((socket.addr as Deno.NetAddr).port);
  }
  return ports;
}

Deno.test("a thousand binds are a thousand different sockets, in the order of the calls", async () => {
  await using daemon = await Daemon.start();
  using rendering = await render(BIND, { sock: daemon.sock });
  const { descriptors, text } = rendering;
  assertEquals(
    text.match(/fd@\d+/g),
    Array.from({ length: COUNT }, (_, n) => `fd@${n + 3}`),
  );
  const sockets = await Promise.all(
    descriptors.map((fd) => Deno.readLink(`/proc/self/fd/${fd}`)),
  );
  assertEquals(new Set(sockets).size, COUNT);
  assertEquals((await daemon.status()).binds, COUNT);
});

Deno.test({
  name: "HAProxy gets a thousand different sockets and answers on each",
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
    const ports = await portsOf(daemon);
    for (const [index, hostname] of HOSTS.entries()) {
      assertEquals(await answerAt(hostname, ports[index]!), `v1 ${pid}`);
    }
    program.signal("SIGTERM");
    assertEquals((await program.end()).code, 0);
  },
});

async function answerAt(hostname: string, port: number): Promise<string> {
  using connection = await Deno.connect({ hostname, port });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
  const bytes = new Uint8Array(4096);
  let answer = "";
  while (true) {
    const length = await within(connection.read(bytes), "an answer");
    if (length === null) break;
    answer += new TextDecoder().decode(bytes.subarray(0, length));
  }
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}
