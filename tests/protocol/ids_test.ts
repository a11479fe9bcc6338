import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Answer } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection } from "../support/raw_connection.ts";

/** As a client writes it, so that no number is rounded before it is sent. */
function request(id: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"status"}`;
}

const INEXACT: readonly string[] = [
  "1e400",
  "-1e400",
  "9007199254740993",
  "-9007199254740993",
  "123456789012345678901234567890",
  "1.00000000000000001",
  "0.1000000000000000055511151231257827",
  "1e-400",
  "-0",
  "-0.0",
  "1e99999999999999999999",
];

/** With the text that an answer has. */
const EXACT: readonly (readonly [string, string])[] = [
  ["0", "0"],
  ["-1", "-1"],
  ["1.5", "1.5"],
  ["1.0", "1"],
  ["1e3", "1000"],
  ["12.50E-1", "1.25"],
  ["9007199254740991", "9007199254740991"],
  ["9007199254740992", "9007199254740992"],
  ["1e21", "1e+21"],
  ["0e999", "0"],
];

Deno.test("an id that an answer cannot repeat exactly is -32600", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const id of INEXACT) {
    await t.step(id, async () => {
      await connection.send(request(id));
      const { id: answered, error } = await connection.answer();
      assertEquals([answered, error?.code], [null, -32600]);
      assertStringIncludes(error?.message ?? "", "repeat exactly");
    });
  }
});

Deno.test("an id that has the same value in JavaScript is repeated", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const [id, repeated] of EXACT) {
    await t.step(id, async () => {
      await connection.send(request(id));
      const { text } = (await connection.next())!;
      assertStringIncludes(text, `"id":${repeated},"result"`);
    });
  }
});

Deno.test("in a batch only the requests with such an id are refused", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const ids = ["1", "1e400", '"1e400"'];
  const list = ids.map((id, index) =>
    index === 2 ? request(id).replace("status", "list") : request(id)
  );
  await connection.send(`[${list}]`);
  const answers: unknown = await connection.answer();
  assertEquals(
    (answers as Answer[]).map(({ id, error }) => [id, error?.code]),
    [[1, undefined], [null, -32600], ["1e400", undefined]],
  );
});
