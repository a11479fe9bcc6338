import { assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { listOf } from "../support/list_release/wire.ts";

/** Runs the command `release` with an address as `list` shows it. */
async function releaseAsListed(daemon: Daemon): Promise<string> {
  const { output } = await runClient(daemon, ["list", "--no-holders"]);
  const shown = output.split("\n")[1]!.split(/ {2,}/)[0]!;
  const words = shown.replace(/ \(\d+\)$/, "").split(" ");
  const { code, errors } = await runClient(daemon, ["release", ...words]);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  assertEquals(await listOf(daemon.sock), []);
  return words.join(" ");
}

Deno.test({
  name: "a bind with v6only false is released by the address in list",
  ignore: lacksIpv6(),
  fn: async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    (await bind("[::1]:0", { sock, v6only: false })).close();
    const { code, errors } = await runClient(daemon, ["release", "[::1]:0"]);
    assertEquals(code, 1);
    assertStringIncludes(errors, "No such bind");
    assertEquals(await releaseAsListed(daemon), "[::1]:0 --v6only false");
    (await bind(":0", { sock, v6only: true })).close();
    assertEquals(await releaseAsListed(daemon), "[::]:0");
  },
});

Deno.test("a bind to a device is released by the address in list, and by --device", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1:0", { sock, device: "lo" })).close();
  assertEquals(await releaseAsListed(daemon), "127.0.0.1:0%lo");
  (await bind("127.0.0.1:0", { sock, device: "lo" })).close();
  const args = ["release", "127.0.0.1:0", "--device", "lo"];
  const { code, errors } = await runClient(daemon, args);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  assertEquals(await listOf(sock), []);
});
