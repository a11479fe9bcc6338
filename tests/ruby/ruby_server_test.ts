import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { bind, BindError, bindSync, connect } from "../../client.ts";
import { isNonblocking } from "../../ffi/files/descriptor.ts";
import { ErrorCode } from "../../protocol.ts";
import {
  assertSameSocket,
  backlogOf,
  tcpAddress,
} from "../support/binds/listening_socket.ts";
import { lacks, startForeign } from "../support/foreign_program.ts";
import type { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

const withRuby = { ignore: await lacks("ruby") };

/** A listening Ruby server. `await using` stops it. */
class RubyServer implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #program: Program;

  private constructor(scratch: Scratch, program: Program) {
    this.#scratch = scratch;
    this.#program = program;
  }

  static async start(): Promise<RubyServer> {
    const scratch = await Scratch.make();
    const program = startForeign("server.rb", scratch.join("control.sock"));
    await program.output.next("Listening for binds on control socket: ");
    return new RubyServer(scratch, program);
  }

  get sock(): string {
    return this.#scratch.join("control.sock");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

Deno.test("bind gets a socket of the Ruby server", withRuby, async () => {
  await using server = await RubyServer.start();
  using web = await bind("127.0.0.1", 0, { sock: server.sock });
  const { hostname, port } = tcpAddress(web);
  assertEquals(hostname, "127.0.0.1");
  (await Deno.connect({ hostname, port })).close();
});

Deno.test("bindSync gets a socket of the Ruby server", withRuby, async () => {
  await using server = await RubyServer.start();
  const { sock } = server;
  using first = bindSync("127.0.0.1", 0, { sock });
  using second = bindSync("127.0.0.1:0", { sock });
  assertSameSocket(first, second);
});

Deno.test(
  "a session gets several sockets from the Ruby server",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    using session = await connect({ sock: server.sock });
    using first = await session.bind("127.0.0.1", 0);
    using second = await session.bind("127.0.0.2", 0);
    assertEquals(tcpAddress(first).hostname, "127.0.0.1");
    assertEquals(tcpAddress(second).hostname, "127.0.0.2");
  },
);

Deno.test(
  "concurrent clients of the Ruby server are served one after the other",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    const { sock } = server;
    const asked = Array.from(
      { length: 10 },
      () => bind("127.0.0.1", 0, { sock }),
    );
    const bindings = await Promise.all(asked);
    try {
      for (const binding of bindings) {
        assertSameSocket(binding, bindings[0]!);
      }
    } finally {
      for (const binding of bindings) binding.close();
    }
  },
);

Deno.test(
  "the Ruby server uses the requested backlog, by default 1000",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    const { sock } = server;
    const most = Number(
      await Deno.readTextFile("/proc/sys/net/core/somaxconn"),
    );
    using few = await bind("127.0.0.1", 0, { sock, backlog: 37 });
    using usual = await bind("127.0.0.2", 0, { sock });
    assertEquals(backlogOf(few), 37);
    assertEquals(backlogOf(usual), Math.min(1000, most));
  },
);

Deno.test(
  "a socket of the Ruby server stays non-blocking",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    using web = await bind("127.0.0.1", 0, { sock: server.sock });
    assert(isNonblocking(web.fd));
  },
);

Deno.test(
  "a failed bind of the Ruby server throws a BindError",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    const { sock } = server;
    using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = holder.addr;
    for (
      const error of [
        await assertRejects(() => bind("127.0.0.1", port, { sock }), BindError),
        assertThrows(() => bindSync("127.0.0.1", port, { sock }), BindError),
      ]
    ) {
      assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
      assertStringIncludes(
        error.message,
        "Could not bind: Address already in use",
      );
    }
  },
);

Deno.test(
  "a session stays usable after a failed bind of the Ruby server",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    using session = await connect({ sock: server.sock });
    await assertRejects(() => session.bind("192.0.2.1", 80), BindError);
    using web = await session.bind("127.0.0.1", 0);
    assertNotEquals(tcpAddress(web).port, 0);
  },
);

Deno.test(
  "an error answer of the Ruby server without id and jsonrpc throws a BindError",
  withRuby,
  async () => {
    await using server = await RubyServer.start();
    using session = await connect({ sock: server.sock });
    const error = await assertRejects(() => session.status(), BindError);
    assertEquals(error.code, ErrorCode.METHOD_NOT_FOUND);
    assertEquals(error.message, "Method not found");
  },
);
