import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { eventually } from "../support/eventually.ts";
import { UnreadDaemon } from "../support/logging/full_pipe.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";

/** Binds in one batch. */
const BATCH = 200;

/** Enough batches for more than a mebibyte of log lines. */
const BATCHES = 40;

/** Has the daemon log more lines than it keeps. Returns their number. */
async function overflowLog(sock: string): Promise<number> {
  using connection = RawConnection.open(sock);
  const path = `@${crypto.randomUUID()}${"x".repeat(70)}`;
  const request = JSON.parse(requestText(1, "bind", [{ path }]));
  const batch = JSON.stringify(Array.from({ length: BATCH }, () => request));
  for (let count = 0; count < BATCHES; count++) {
    await connection.send(batch);
    const answers = await connection.answer();
    assert(Array.isArray(answers) && answers.every(({ result }) => result));
  }
  return BATCHES * BATCH;
}

Deno.test("a daemon whose log nobody reads serves, re-executes and ends on SIGTERM", async () => {
  await using unread = await UnreadDaemon.start();
  const { daemon } = unread;
  await overflowLog(daemon.sock);
  await daemon.reexec();
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("a daemon that may not open the unread pipe again serves and ends on SIGTERM", async () => {
  await using open = await OpenScratch.make();
  await using unread = await UnreadDaemon.start({
    ...await asUnprivileged(open),
    sock: await socketPlace(open),
  });
  const { daemon } = unread;
  await overflowLog(daemon.sock);
  await daemon.reexec();
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  assertEquals((await daemon.stop()).code, 0);
});

async function socketPlace(open: OpenScratch): Promise<string> {
  const place = open.join("place");
  await Deno.mkdir(place);
  await Deno.chmod(place, 0o777);
  return `${place}/control.sock`;
}

Deno.test("dropped log lines are counted in status, and in the log once it is read", async () => {
  await using unread = await UnreadDaemon.start();
  const { daemon } = unread;
  const logged = await overflowLog(daemon.sock);
  const { log } = await daemon.status();
  assert(log.dropped > 0 && log.dropped < logged, `${log.dropped}`);
  const lines = await unread.read();
  const line = await lines.next("log lines dropped");
  assertEquals(/ count=(\d+)$/.exec(line)?.[1], String(log.dropped));
  const kept = lines.text.split("bind granted").length - 1;
  assertEquals(kept, logged - log.dropped);
  (await bind("127.0.0.2", 0, { sock: daemon.sock })).close();
  await lines.next("address=127.0.0.2:0");
  assertEquals((await daemon.stop()).code, 0);
  await lines.all();
});

Deno.test("log lines that a re-exec loses are reported by the next generation", async () => {
  await using unread = await UnreadDaemon.start();
  const { daemon } = unread;
  const logged = await overflowLog(daemon.sock);
  await daemon.reexec();
  const lines = await unread.read();
  const line = await lines.next("log lines dropped");
  const dropped = Number(/ count=(\d+)$/.exec(line)?.[1]);
  const kept = lines.text.split("bind granted").length - 1;
  // The first generation also logs that new versions are not checked.
  assert(dropped + kept >= logged, `${dropped} and ${kept} of ${logged}`);
  assertEquals((await daemon.stop()).code, 0);
  await lines.all();
});

Deno.test("the pipe of the log stays blocking for the programs that share it", async () => {
  await using unread = await UnreadDaemon.start();
  const { daemon } = unread;
  await overflowLog(daemon.sock);
  const info = await Deno.readTextFile(`/proc/${daemon.pid}/fdinfo/2`);
  const flags = parseInt(/^flags:\s*(\d+)/m.exec(info)![1]!, 8);
  assertEquals(flags & abi.O_NONBLOCK, 0);
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("a daemon whose standard output nobody reads serves and ends on SIGTERM", async () => {
  await using unread = await UnreadDaemon.startUnheard();
  const { daemon } = unread;
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  daemon.program.signal("SIGUSR1");
  await eventually("the next generation", async () => {
    const { generation } = await daemon.status();
    return generation === 2;
  });
  assertEquals((await daemon.stop()).code, 0);
});
