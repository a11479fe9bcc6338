import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { Counters } from "../../server/log/counters.ts";
import { MAX_ANSWER, replyTo } from "../../server/requests/answers.ts";
import { Daemon } from "../support/daemon.ts";
import { stopped } from "../support/process_life.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const BIND = requestText(1, "bind", [{ address: "127.0.0.1", port: 0 }]);

/** Holds sockets, so that `list` takes long. */
async function holdSockets(sock: string, count: number): Promise<void> {
  using connection = RawConnection.open(sock);
  for (let held = 0; held < count; held += 100) {
    const requests = Array.from({ length: 100 }, (_, index) => {
      const path = `@${sock}/${held + index}`;
      return requestText(index, "bind", [{ path }]);
    });
    await connection.send(`[${requests.join(",")}]`);
    const line = await connection.next();
    assertEquals(line?.descriptors.length, 100);
  }
}

/**
 * The lines of the log with `text` before the first grant to another client,
 * whose request arrives at the same time as those of one client.
 */
async function linesBeforeOther(
  daemon: Daemon,
  requests: string,
  text: string,
): Promise<number> {
  using busy = RawConnection.open(daemon.sock);
  using other = RawConnection.open(daemon.sock);
  await other.send(requestText("first", "nothing"));
  await other.answer();
  await daemon.program.errors.next('reason="Method not found: nothing"');
  await stopped(daemon.pid);
  await busy.send(requests);
  await other.send(
    requestText(2, "bind", [{ address: "127.9.9.9", port: 0 }]),
  );
  const from = daemon.program.errors.text.length;
  daemon.program.signal("SIGCONT");
  assertEquals((await other.answer()).result, true);
  await daemon.program.errors.next("address=127.9.9.9:0");
  const [before] = daemon.program.errors.text.slice(from).split("127.9.9.9");
  return before!.split(text).length - 1;
}

for (const method of ["list", "status"]) {
  Deno.test(`a batch has one ${method}: a second one is answered -32600`, async () => {
    await using daemon = await Daemon.start();
    await holdSockets(daemon.sock, 100);
    using connection = RawConnection.open(daemon.sock);
    const requests = Array.from(
      { length: 252 },
      (_, id) => requestText(id, method),
    );
    await connection.send(`[${BIND},${requests.join(",")}]`);
    const line = await connection.next();
    const [bound, first, ...more]: Answer[] = JSON.parse(line?.text ?? "[]");
    assertEquals([bound?.result, line?.descriptors.length], [true, 1]);
    assert(first?.result !== undefined);
    assertEquals(more.length, 251);
    for (const { error } of more) {
      assertEquals(error?.code, ErrorCode.INVALID_REQUEST);
      assertStringIncludes(error?.message ?? "", `more than one ${method}`);
    }
  });
}

Deno.test("a batch can have a list and a status", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(
    `[${requestText(1, "list")},${requestText(2, "status")}]`,
  );
  const answers = JSON.parse((await connection.next())?.text ?? "[]");
  assertEquals(answers.map(({ error }: Answer) => error), [
    undefined,
    undefined,
  ]);
});

Deno.test("a bind waits for at most one of many lists of another client", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "debug"] });
  await holdSockets(daemon.sock, 300);
  const lists = requestText(1, "list").repeat(500);
  const before = await linesBeforeOther(daemon, lists, "list granted");
  assert(before <= 1, `${before} lists`);
});

Deno.test("a bind waits for at most one batch of another client", async () => {
  await using daemon = await Daemon.start();
  const batch = `[${Array(100).fill(BIND).join(",")}]`;
  const before = await linesBeforeOther(
    daemon,
    batch.repeat(7),
    "bind granted",
  );
  assert(before <= 100, `${before} binds`);
});

Deno.test("a bind waits for a few of many short requests of another client", async () => {
  await using daemon = await Daemon.start();
  const requests = requestText(1, "nothing").repeat(1000);
  const before = await linesBeforeOther(daemon, requests, "request failed");
  assert(before <= 16, `${before} requests`);
});

Deno.test("requests that wait for their turn are answered in order, also after a re-exec", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  await holdSockets(daemon.sock, 200);
  using connection = RawConnection.open(daemon.sock);
  const methods = ["list", "status", "nothing", "bind"] as const;
  const ids = Array.from({ length: 400 }, (_, id) => id);
  await connection.send(
    ids.map((id) => {
      const method = methods[id % methods.length]!;
      const params = method === "bind"
        ? [{ address: "127.0.0.1", port: 0 }]
        : undefined;
      return requestText(id, method, params);
    }).join("\n"),
  );
  daemon.program.signal("SIGUSR1");
  const answers = await connection.answers(ids.length);
  assertEquals(answers.map(({ id }) => id), ids);
  await daemon.listening();
});

Deno.test("an answer that would be too long is an error that says so", () => {
  const result = ["x".repeat(MAX_ANSWER)];
  const request = (id: number, result: unknown) => ({
    id,
    method: "list",
    client: { peer: { pid: 1, uid: 1, gid: 1 }, groups: [] },
    state: { name: "done", result } as const,
  });
  const context = { counters: new Counters() } as unknown as Parameters<
    typeof replyTo
  >[2];
  const { bytes } = replyTo(
    [request(1, true), request(2, result)],
    true,
    context,
  );
  const [released, listed]: Answer[] = JSON.parse(
    new TextDecoder().decode(bytes),
  );
  assertEquals(released?.result, true);
  assertEquals(listed?.error?.code, ErrorCode.LIMIT_REACHED);
  assertStringIncludes(listed?.error?.message ?? "", String(MAX_ANSWER));
});
