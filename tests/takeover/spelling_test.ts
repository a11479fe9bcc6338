import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { OwnPort } from "../support/loopback.ts";
import { rubyServer } from "../support/takeover/old_server.ts";

const noRuby = await lacks("ruby");

/** Spellings of the option for an address that the Ruby server holds. */
const SPELLINGS: [string, (address: string) => string[]][] = [
  ["--takeover=ADDR", (address) => [`--takeover=${address}`]],
  ["--takeover ADDR", (address) => ["--takeover", address]],
  [
    "--takeover=tcp://ADDR",
    (address) => [`--takeover=tcp://${address}`],
  ],
  [
    "--takeover ADDR,ADDR",
    (address) => ["--takeover", `${address},127.0.0.2:0`],
  ],
  [
    "--takeover=ADDR, twice the same",
    (address) => [`--takeover=${address},${address}`],
  ],
  [
    "--takeover ADDR before another option",
    (address) => ["--takeover", address, "--mode", "0600"],
  ],
];

for (const [spelling, option] of SPELLINGS) {
  Deno.test({
    name: `${spelling} takes over a bind of a Ruby server`,
    ignore: noRuby,
    fn: async () => {
      await using old = await rubyServer();
      const { sock } = old;
      using own = OwnPort.take();
      const { number: port } = own;
      using before = await bind("127.0.0.1", port, { sock });
      await using daemon = await Daemon.start({
        sock,
        args: option(`127.0.0.1:${port}`),
      });
      assertEquals((await daemon.status()).pid, daemon.pid);
      using after = await bind("127.0.0.1", port, { sock });
      assertEquals(socketOf(after), socketOf(before));
    },
  });
}

Deno.test({
  name:
    "--takeover=localhost:PORT takes over a bind of a Ruby server to that name",
  ignore: noRuby,
  fn: async () => {
    await using old = await rubyServer();
    const { sock } = old;
    using own = OwnPort.take();
    const { number: port } = own;
    using before = await bind("localhost", port, { sock });
    assertEquals(tcpAddress(before).hostname, "127.0.0.1");
    await using _daemon = await Daemon.start({
      sock,
      args: [`--takeover=localhost:${port}`],
    });
    for (const host of ["localhost", "127.0.0.1"]) {
      using after = await bind(host, port, { sock });
      assertEquals(socketOf(after), socketOf(before));
    }
  },
});
