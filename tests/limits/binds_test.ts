import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode, type Status } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const TWO = { args: ["--max-binds", "2"] };
const TCP = { address: "127.0.0.1", port: 0 };
const UDP = { ...TCP, kind: "udp" };

async function statusOn(connection: RawConnection): Promise<Status> {
  await connection.send(requestText(1, "status"));
  return (await connection.answer()).result as Status;
}

Deno.test("a bind beyond --max-binds is answered 10003; held sockets are still handed out", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start(TWO);
  using connection = RawConnection.open(daemon.sock);
  await granted(connection, TCP);
  await granted(connection, UDP);
  const before = (await statusOn(connection)).descriptors.open;
  const path = scratch.join("web.sock");
  for (const params of [{ path }, { address: "127.0.0.2", port: 0 }]) {
    const error = await refused(connection, params);
    assertEquals(error.code, ErrorCode.LIMIT_REACHED);
    assertStringIncludes(error.message, "--max-binds");
  }
  assertEquals([...Deno.readDirSync(scratch.path)], []);
  await granted(connection, TCP);
  await granted(connection, { ...UDP, recv_buffer: 65536 });
  const { binds, refused: counted, limits, descriptors } = await statusOn(
    connection,
  );
  assertEquals([binds, counted.binds, limits.binds], [2, 2, 2]);
  assertEquals(descriptors.open, before);
});

Deno.test("after a release another bind succeeds", async () => {
  await using daemon = await Daemon.start(TWO);
  using connection = RawConnection.open(daemon.sock);
  await granted(connection, TCP);
  await granted(connection, UDP);
  for (let round = 1; round < 5; round++) {
    await rawRelease(connection, round % 2 === 1 ? TCP : UDP);
    await granted(connection, round % 2 === 1 ? TCP : UDP);
    await refused(connection, { address: "127.0.0.2", port: 0 });
  }
  assertEquals((await rawList(connection)).length, 2);
});

Deno.test("a batch that exceeds --max-binds is undone", async () => {
  await using daemon = await Daemon.start(TWO);
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const requests = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((
      address,
      id,
    ) => requestText(id, "bind", [{ address, port: 0 }]));
    await connection.send(`[${requests.join(",")}]`);
    const line = await connection.next();
    const answers: { error: { code: number; data?: unknown } }[] = JSON.parse(
      line?.text ?? "",
    );
    assertEquals(answers.map(({ error }) => error.code), [
      ErrorCode.COULD_NOT_BIND,
      ErrorCode.COULD_NOT_BIND,
      ErrorCode.LIMIT_REACHED,
    ]);
    assertEquals(line?.descriptors, []);
    assertEquals(await rawList(connection), []);
    await connection.send(`[${requests.slice(0, 2).join(",")}]`);
    assertEquals((await connection.next())?.descriptors.length, 2);
    for (const address of ["127.0.0.1", "127.0.0.2"]) {
      await rawRelease(connection, { address, port: 0 });
    }
  }
  await assertOpen(daemon.pid, before);
});

Deno.test("--max-binds and the held sockets survive a re-exec", async () => {
  await using daemon = await Daemon.start(TWO);
  using connection = RawConnection.open(daemon.sock);
  await granted(connection, TCP);
  await granted(connection, UDP);
  await daemon.reexec();
  const error = await refused(connection, { address: "127.0.0.2", port: 0 });
  assertEquals(error.code, ErrorCode.LIMIT_REACHED);
  await granted(connection, TCP);
  const { binds, refused: counted } = await statusOn(connection);
  assertEquals([binds, counted.binds], [2, 1]);
});

Deno.test("a takeover keeps every bind, even beyond --max-binds", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using old = await Daemon.start({ sock });
  {
    using connection = RawConnection.open(sock);
    for (const address of ["127.0.0.1", "127.0.0.2", "127.0.0.3"]) {
      await granted(connection, { address, port: 0 });
    }
  }
  await using _daemon = await Daemon.start({
    sock,
    args: ["--takeover", ...TWO.args],
  });
  await old.stop();
  using connection = RawConnection.open(sock);
  assertEquals((await rawList(connection)).length, 3);
  await refused(connection, { address: "127.0.0.4", port: 0 });
});
