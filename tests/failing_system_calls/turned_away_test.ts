import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import { eventually } from "../support/eventually.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Reason } from "../support/failing_system_calls/libc_symbols.ts";
import type { Fault } from "../support/failing_system_calls/plan.ts";

const STATUS = requestText("status", "status");

/** Asserts an error answer or a closed connection. */
async function connectInVain(
  connection: RawConnection,
  code: number,
): Promise<void> {
  const codes: number[] = [code, ErrorCode.NO_DESCRIPTORS];
  for (const { error } of await connection.answersToEnd()) {
    assert(codes.includes(error?.code ?? 0), JSON.stringify(error));
  }
}

/** A daemon that refuses clients, and one client that it serves. */
interface Scene extends AsyncDisposable {
  process: FaultyProcess;
  turnAway(): Promise<void>;
  /** Sends a request of the client that stays connected. */
  isServed(): Promise<void>;
}

/** Fails each call for a refused client. */
async function failEach(open: () => Promise<Scene>): Promise<void> {
  let scene: Scene | undefined = await open();
  try {
    scene.process.trace();
    await scene.turnAway();
    const calls = scene.process.calls();
    const faults = everyFault(
      calls.filter(({ symbol }) => !symbol.includes("wait")),
    );
    assert(faults.length > 0);
    await tryEach(faults, 1, async (fault) => {
      const { process, turnAway, isServed } = scene ??= await open();
      process.inject(fault);
      try {
        await turnAway();
        process.recover();
        await isServed();
      } catch (error) {
        const wrote = process.program.errors.text.slice(-700);
        if (process.ended) await process.program.end();
        await scene[Symbol.asyncDispose]();
        scene = undefined;
        throw new Error(`${error}; it wrote: ${wrote}`);
      }
    });
  } finally {
    await scene?.[Symbol.asyncDispose]();
  }
}

async function sceneOf(
  args: readonly string[],
  turnAway: (sock: string) => Promise<void>,
): Promise<Scene> {
  const process = await FaultyProcess.listening({ args });
  const stays = RawConnection.open(process.sock);
  const isServed = async () => {
    await stays.send(STATUS);
    assertEquals((await stays.answer()).id, "status");
  };
  await isServed();
  return {
    process,
    turnAway: () => turnAway(process.sock),
    isServed,
    [Symbol.asyncDispose]: async () => {
      stays[Symbol.dispose]();
      await process[Symbol.asyncDispose]();
    },
  };
}

Deno.test("if any call fails while a client is refused, other clients are served", async () => {
  await failEach(() =>
    sceneOf(["--max-clients", "1"], async (sock) => {
      using connection = RawConnection.open(sock);
      await connectInVain(connection, ErrorCode.LIMIT_REACHED);
    })
  );
});

Deno.test("if any call fails while a client times out, other clients are served", async () => {
  await failEach(() =>
    sceneOf(["--request-timeout", "10ms"], async (sock) => {
      using late = RawConnection.open(sock);
      await late.send(STATUS.slice(0, 10));
      await connectInVain(late, ErrorCode.INVALID_REQUEST);
    })
  );
});

/** Whether a new client is served; it may be refused. */
async function servesNow(sock: string): Promise<boolean> {
  using connection = RawConnection.open(sock);
  await connection.send(STATUS);
  const line = await connection.next();
  return line !== undefined && JSON.parse(line.text).id === "status";
}

async function assertServesInTheEnd(
  process: FaultyProcess,
  outcome: Reason,
): Promise<void> {
  using session = await connect({ sock: process.sock });
  assertEquals((await session.status()).clients, 1);
  process.inject({ symbol: "accept4", outcome, times: 5 });
  await eventually("a client that is served", () => servesNow(process.sock));
  assertEquals(process.happened, 5);
  await eventually(
    "one client",
    async () => (await session.status()).clients === 1,
  );
}

for (const outcome of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"] as const) {
  Deno.test(`clients are served again after accept4 has failed with ${outcome} five times, also with the spare descriptor`, async () => {
    await using process = await FaultyProcess.listening();
    await assertServesInTheEnd(process, outcome);
  });
}

Deno.test("a daemon without a spare descriptor serves clients again once descriptors are free", async () => {
  const site = "descriptor.ts";
  const faults: Fault[] = [{ symbol: "eventfd", site, outcome: "EMFILE" }];
  await using process = await FaultyProcess.start({ faults });
  await process.listens();
  assertEquals(process.happened, 1);
  await assertServesInTheEnd(process, "EMFILE");
});
