import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { libcPath, treePath } from "../support/tree.ts";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";

const RESTARTS = 20;
const CLIENTS = 16;

/** All permissions that the service needs. */
const GRANTS = [`--allow-ffi=${libcPath}`, "--allow-net=127.0.0.1"];

async function serving(
  daemon: Daemon,
  name: string,
): Promise<Program> {
  const script = treePath("tests/support/serve/service.ts");
  const program = Program.start(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-env", ...GRANTS, script, "0", name],
    env: { MULTIBINDER_SOCK: daemon.sock },
  });
  await program.output.next("serving");
  return program;
}

for (const persistent of [false, true]) {
  const what = persistent ? "keep-alive connections" : "new connections";
  Deno.test(`twenty overlapping restarts lose no request on ${what}`, async () => {
    await using daemon = await Daemon.start();
    using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    const { port } = web.addr as Deno.NetAddr;
    let service = await serving(daemon, "service 0");
    const { answered, names, lost, closedBetween } = await underLoad(
      { port },
      async (seen) => {
        for (let count = 1; count <= RESTARTS; count++) {
          await using old = service;
          service = await serving(daemon, `service ${count}`);
          old.signal("SIGTERM");
          const { code, errors } = await old.end();
          assertEquals({ code, errors }, { code: 0, errors: "" });
          await untilSeen(seen, new RegExp(`^service ${count}$`));
        }
      },
      { clients: CLIENTS, kinds: [persistent] },
    ).finally(() => service[Symbol.asyncDispose]());
    console.log(
      `${answered} requests answered by ${names.size} services, ${lost.length} lost, ${closedBetween} met a connection that HTTP lets a server close`,
    );
    assertEquals(lost, []);
    assertEquals(names.size, RESTARTS + 1);
    // At most one for each connection and restart.
    assert(closedBetween <= (persistent ? RESTARTS * CLIENTS : 0));
  });
}
