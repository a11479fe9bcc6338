import { assertEquals } from "@std/assert";
import { type Binding, connect } from "../../client.ts";
import { eventually } from "../support/eventually.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Call, Fault } from "../support/failing_system_calls/plan.ts";

/** Number of concurrent daemons. */
const WORKERS = 2;

const REQUEST = requestText("half", "status");

/** Number of lines that contain a text. */
function countOf(part: string, text: string): number {
  return text.split(part).length - 1;
}

/** A daemon with sockets and clients. */
class Holder implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly process: FaultyProcess,
    readonly held: readonly Binding[],
  ) {}

  static async open(): Promise<Holder> {
    const scratch = await Scratch.make();
    const process = await FaultyProcess.listening();
    await process.settled();
    using session = await connect({ sock: process.sock });
    const held = await session.bindAll([
      "127.0.0.1:0",
      `unix:${scratch.join("held")}`,
    ]);
    return new Holder(scratch, process, held);
  }

  /** Number of upgrades that have ended, successful or not. */
  get endings(): number {
    const { output, errors } = this.process.program;
    return countOf("Listening for binds", output.text) +
      countOf("upgrade abandoned", errors.text);
  }

  /** Runs an upgrade to its end. */
  async upgrade(): Promise<void> {
    const before = this.endings;
    this.process.program.signal("SIGUSR1");
    await eventually("the end of an upgrade", () => {
      if (this.process.ended) throw new Error("the daemon has ended");
      return this.endings > before;
    });
  }

  /** Asserts that both sockets are still the same. */
  async assertHolds(): Promise<void> {
    using session = await connect({ sock: this.process.sock });
    assertEquals((await session.list()).length, this.held.length);
    for (const [index, { addr }] of this.held.entries()) {
      const address = index === 0
        ? "127.0.0.1:0"
        : `unix:${this.scratch.join("held")}`;
      using again = await session.bind(address);
      assertEquals(again.addr, addr);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.held) each.close();
    await this.process[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** The images of an upgrade. */
const OLD = 0;
const CHECK = 1;
const NEW = 2;

/** The calls of an upgrade. */
async function callsOfAnUpgrade(): Promise<Call[]> {
  await using holder = await Holder.open();
  const { process } = holder;
  const first = process.image;
  using client = RawConnection.open(process.sock);
  await client.send(REQUEST.slice(0, 10));
  await holder.assertHolds();
  process.trace();
  await holder.upgrade();
  await client.send(REQUEST.slice(10));
  await client.answer();
  return process.calls().map((each) => ({
    ...each,
    image: each.image - first,
  }));
}

/**
 * Waits for the check: how many there are depends on when its output and its
 * end arrive.
 */
const TIMED = /\b(pipe|readiness)\.ts:/;

/** Asserts that the request is answered once complete, or its connection is closed. */
async function isServed(client: RawConnection): Promise<void> {
  await client.send(REQUEST.slice(10));
  const line = await client.next();
  if (line !== undefined) assertEquals(JSON.parse(line.text).id, "half");
}

async function tryUpgrades(faults: readonly Fault[]): Promise<void> {
  const holders: (Holder | undefined)[] = [];
  try {
    await tryEach(faults, WORKERS, async (fault, worker) => {
      const holder = holders[worker] ??= await Holder.open();
      const { process } = holder;
      try {
        using client = RawConnection.open(process.sock);
        await client.send(REQUEST.slice(0, 10));
        await holder.assertHolds();
        const image = fault.image === OLD
          ? process.servingImage
          : process.image + fault.image!;
        process.inject({ ...fault, image });
        await holder.upgrade();
        // The daemon makes some calls after it has printed that it listens.
        if (!TIMED.test(fault.site ?? "")) {
          await eventually("the fault", () => process.happened === 1);
        }
        await isServed(client);
        process.recover();
        await holder.assertHolds();
      } catch (error) {
        holders[worker] = undefined;
        if (process.ended) await process.program.end();
        const wrote = process.program.errors.text;
        await holder[Symbol.asyncDispose]();
        throw new Error(`${error}; it wrote: ${wrote.slice(-700)}`);
      }
    });
  } finally {
    for (const holder of holders) await holder?.[Symbol.asyncDispose]();
  }
}

/** Calls of serving clients, which other tests cover. */
const OF_CLIENTS: ReadonlySet<string> = new Set(["accept4", "recv", "send"]);

function ofTheUpgrade({ symbol, site }: Call): boolean {
  return !OF_CLIENTS.has(symbol) &&
    // The log writes lines of earlier requests at a time of its own.
    !/\b(connection|clients|perform|status_method|line_writer)\.ts:/
      .test(site) &&
    !symbol.includes("wait");
}

Deno.test("if any call of the old generation fails during a re-exec, one generation serves and no socket is lost", async () => {
  const calls = await callsOfAnUpgrade();
  const old = calls.filter(({ image }) => image === OLD).filter(ofTheUpgrade);
  await tryUpgrades(everyFault(old));
});

Deno.test("if any call of the new generation fails, it serves and no socket is lost", async () => {
  const calls = await callsOfAnUpgrade();
  const fresh = calls.filter(({ image }) => image === NEW).filter(ofTheUpgrade);
  await tryUpgrades(everyFault(fresh));
});

Deno.test("if any call of the check of a new version fails, no socket is lost", async () => {
  const calls = await callsOfAnUpgrade();
  const checks = calls.filter(({ image }) => image === CHECK);
  await tryUpgrades(everyFault(checks));
});
