import { assert, assertEquals, assertMatch } from "@std/assert";
import { ErrorCode, type Status } from "../../protocol.ts";
import { Connections } from "../support/bad_clients/connections.ts";
import { startDaemon } from "../support/control_socket/start_failure.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { settled } from "../support/process_state.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const ignore = await lacks("prlimit");

function limitedTo(limit: number): { under: string[] } {
  return { under: ["prlimit", `--nofile=${limit}:${limit}`] };
}

/** More clients than descriptors. */
const CLIENTS = 300;

async function statusOf(connection: RawConnection): Promise<Status> {
  await connection.send(requestText(1, "status"));
  return (await connection.answer()).result as Status;
}

for (const limit of [128, 256]) {
  Deno.test(
    `a daemon with ${limit} descriptors and 300 clients serves in every generation`,
    { ignore },
    async () => {
      await using daemon = await Daemon.start(limitedTo(limit));
      using client = RawConnection.open(daemon.sock);
      await statusOf(client);
      {
        using _flood = new Connections(daemon.sock, CLIENTS);
        for (let generation = 1; generation <= 3; generation++) {
          await settled(daemon.pid);
          const status = await statusOf(client);
          assertEquals(status.generation, generation);
          const { open } = status.descriptors;
          assert(limit - open >= 32, `${open} open`);
          await daemon.reexec();
          // These arrive before Deno has opened everything.
          new Connections(daemon.sock, CLIENTS)[Symbol.dispose]();
        }
      }
      await eventually(
        "one client",
        async () => (await statusOf(client)).clients === 1,
      );
      assertEquals((await daemon.stop()).code, 0);
    },
  );
}

Deno.test(
  "a daemon whose limit of descriptors is lowered while it serves keeps its reserve",
  { ignore },
  async () => {
    await using daemon = await Daemon.start(limitedTo(1024));
    using client = RawConnection.open(daemon.sock);
    await statusOf(client);
    const { success } = await new Deno.Command("prlimit", {
      args: [`--pid=${daemon.pid}`, "--nofile=160:"],
    }).output();
    assert(success);
    using _flood = new Connections(daemon.sock, CLIENTS);
    await settled(daemon.pid);
    const { limit, open } = (await statusOf(client)).descriptors;
    assertEquals(limit, 160);
    assert(limit - open >= 32, `${open} open`);
    await daemon.reexec();
  },
);

Deno.test(
  "binds leave descriptors for an upgrade",
  { ignore },
  async () => {
    await using daemon = await Daemon.start({
      ...limitedTo(128),
      args: ["--log-level", "warn"],
    });
    using client = RawConnection.open(daemon.sock);
    let bound = 0;
    for (let refused = false; !refused; bound++) {
      const params = [{ address: `127.3.0.${1 + bound}`, port: 0 }];
      await client.send(requestText(bound, "bind", params));
      const { error } = await client.answer();
      refused = error !== undefined;
      if (refused) assertEquals(error?.code, ErrorCode.NO_DESCRIPTORS);
    }
    assert(bound > 30, `${bound} binds`);
    await daemon.reexec();
    const { generation, binds } = await statusOf(client);
    assertEquals([generation, binds], [2, bound - 1]);
  },
);

for (const limit of [32, 40, 48]) {
  Deno.test(
    `a limit of ${limit} descriptors is one line and exit status 1`,
    { ignore },
    async () => {
      await using scratch = await Scratch.make();
      const sock = scratch.join("control.sock");
      const { code, output, errors } = await startDaemon(
        sock,
        limitedTo(limit),
      );
      assertEquals({ code, output }, { code: 1, output: "" });
      assertMatch(
        errors,
        /^multibinder-server: the limit of \d+ open descriptors is too small: .*$/,
      );
      assertEquals([...Deno.readDirSync(scratch.path)], []);
    },
  );
}
