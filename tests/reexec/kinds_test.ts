import { assert, assertEquals } from "@std/assert";
import type { BindParams } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { assertIdleKinds, idleKinds } from "../support/open_descriptors.ts";
import { READ, tcpBacklog } from "../support/socket_kinds/kernel_options.ts";
import { PLACES } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const noIpv6 = lacksIpv6();

const USUAL = PLACES.filter(({ family }) => !(noIpv6 && family === "ipv6"));

/** A bind of every kind, and one with each option. */
function everything(scratch: Scratch): BindParams[] {
  const internet = { address: "127.0.0.2", port: 0 };
  return [
    ...USUAL.map((place, index) => place.params(scratch, `${index}.sock`)),
    {
      ...internet,
      device: "lo",
      backlog: 9,
      reuse_port: true,
      free_bind: true,
      defer_accept: 3,
      fast_open: 5,
      recv_buffer: 65536,
      send_buffer: 65536,
    },
    { ...internet, kind: "udp", reuse_port: true, recv_buffer: 65536 },
    { path: scratch.join("mode.sock"), mode: "0600", backlog: 3 },
    { kind: "unixgram", path: scratch.join("group.sock"), group: Deno.gid()! },
  ];
}

Deno.test("every kind of socket survives re-execs with its options and its file", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  // At the first start Deno opens other descriptors than after a re-exec.
  await daemon.reexec();
  const idle = await idleKinds(daemon);
  const binds = everything(scratch);
  {
    using connection = RawConnection.open(daemon.sock);
    for (const params of binds) await granted(connection, params);
    const files = () =>
      [...Deno.readDirSync(scratch.path)].map(({ name }) => {
        const { ino, mode, uid, gid } = Deno.lstatSync(scratch.join(name));
        return { name, ino, mode, uid, gid };
      }).toSorted((one, other) => one.name < other.name ? -1 : 1);
    const listed = await rawList(connection);
    const made = files();
    assertEquals(listed.length, binds.length);
    for (let round = 0; round < 3; round++) {
      await daemon.reexec();
      assertEquals(await rawList(connection), listed);
      assertEquals(files(), made);
    }
    for (const [index, params] of binds.entries()) {
      const fd = await granted(connection, params);
      const inode = String((await Deno.stat(`/proc/self/fd/${fd}`)).ino);
      assertEquals(inode, listed[index]?.inode);
    }
    assertEquals((await rawList(connection)).length, binds.length);
    for (const params of binds) await rawRelease(connection, params);
    assertEquals(files(), []);
    assertEquals(await rawList(connection), []);
  }
  await assertIdleKinds(daemon, idle);
});

Deno.test("options are still set after a re-exec, and can be changed", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const params = { address: "127.0.0.1", port: 0 };
  await granted(connection, { ...params, backlog: 9, recv_buffer: 65536 });
  await daemon.reexec();
  const fd = await granted(connection, { ...params, send_buffer: 65536 });
  assertEquals([
    tcpBacklog(fd),
    READ.recv_buffer(fd, "ipv4"),
    READ.send_buffer(fd, "ipv4"),
  ], [9, 131072, 131072]);
  const again = await granted(connection, { ...params, backlog: 11 });
  assertEquals(tcpBacklog(again), 11);
  await daemon.reexec();
  assertEquals((await rawList(connection))[0]?.options, {
    backlog: 11,
    recv_buffer: 65536,
    send_buffer: 65536,
  });
});

Deno.test("a release after a re-exec leaves a file that has replaced the socket before it", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("web.sock");
  await granted(connection, { path });
  await Deno.remove(path);
  await Deno.writeTextFile(path, "another's");
  await daemon.reexec();
  await refused(connection, { path, mode: "0600" });
  await rawRelease(connection, { path });
  assertEquals(await Deno.readTextFile(path), "another's");
});

Deno.test("a batch that waits for a name during a re-exec is granted as a whole after it", async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const batch = [
    { address: "127.0.0.1", port: 0 },
    { address: "localhost", port: 0 },
    { kind: "udp", address: "localhost", port: 0 },
    { path: scratch.join("web.sock") },
  ].map((params, id) => requestText(id, "bind", [params]));
  for (let round = 0; round < 5; round++) {
    const reexec = daemon.reexec();
    await connection.send(`[${batch.join(",")}]`.repeat(20));
    for (let count = 0; count < 20; count++) {
      const line = await connection.next();
      const answers: { result: boolean }[] = JSON.parse(line?.text ?? "[]");
      assertEquals(answers.map(({ result }) => result), [
        true,
        true,
        true,
        true,
      ]);
      assertEquals(line?.descriptors.length, 4);
    }
    await reexec;
  }
  const listed = await rawList(connection);
  assertEquals(listed.length, 3);
  assert(listed.every(({ handed_out }) => handed_out >= 100));
});
