import { assert, assertEquals } from "@std/assert";
import { connect, type Session } from "../../client.ts";
import { bindSocket, newSocket } from "../../ffi/sockets/socket.ts";
import type { Answer } from "../../protocol.ts";
import { eventually } from "../support/eventually.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { type Act, actsIn } from "../support/failing_system_calls/acts.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Call, Fault } from "../support/failing_system_calls/plan.ts";

/** Number of concurrent daemons. */
const WORKERS = 2;

/** Maximum number of attempts until the fault of an act happens. */
const TURNS = 5;

/** If one of these fails, the daemon cannot remove a file. */
const KEEPS_FILES: ReadonlySet<string> = new Set(["unlink", "statx"]);

/** A bind that exists during the whole test. */
const KEPT = ["127.0.0.7", 0] as const;

/** A daemon that is used for several faults. */
class Stage implements AsyncDisposable {
  /** The minimum number of descriptors: Deno opens some temporarily. */
  #descriptors = Infinity;

  private constructor(
    readonly scratch: Scratch,
    readonly process: FaultyProcess,
  ) {}

  static async open(): Promise<Stage> {
    const scratch = await Scratch.make();
    const process = await FaultyProcess.listening();
    using session = await connect({ sock: process.sock });
    (await session.bind(...KEPT)).close();
    await process.settled();
    const stage = new Stage(scratch, process);
    await stage.#settled(session);
    return stage;
  }

  get acts(): Act[] {
    return actsIn(this.scratch.path);
  }

  async perform({ requests, deadSocket }: Act): Promise<void> {
    if (deadSocket !== undefined) leaveDead(deadSocket);
    using connection = RawConnection.open(this.process.sock);
    for (const request of requests) {
      if (!await isAnswered(connection, request)) return;
    }
  }

  /** The calls of an act, each place in the code once. */
  async callsOf(act: Act): Promise<Call[]> {
    this.process.trace();
    await this.perform(act);
    const calls = this.process.calls();
    this.process.recover();
    await this.clear();
    return calls;
  }

  /**
   * Repeats the act until the fault happens: it is random whether the first request
   * has arrived when the connection is accepted.
   */
  async performUntil(fault: Fault, act: Act): Promise<boolean> {
    this.process.inject(fault);
    for (let turn = 0; turn < TURNS; turn++) {
      await this.perform(act);
      if (this.process.happened === 1) return true;
    }
    return false;
  }

  /**
   * A file that could not be removed is only a dead socket: a later bind replaces it
   * and a later release removes it.
   */
  async replaceLeft(): Promise<void> {
    using session = await connect({ sock: this.process.sock });
    for (const { name } of Deno.readDirSync(this.scratch.path)) {
      const address = `unix:${this.scratch.join(name)}`;
      (await session.bind(address)).close();
      await session.release(address);
    }
  }

  /** Releases everything and asserts that nothing is left. */
  async clear(): Promise<void> {
    using session = await connect({ sock: this.process.sock });
    await this.#settled(session);
    const left = [...Deno.readDirSync(this.scratch.path)];
    assertEquals(left.map(({ name }) => name), []);
  }

  /** A bind may be late: its client disconnected while a name was looked up. */
  async #settled(session: Session): Promise<void> {
    let seen = "";
    const missing = () => `${this.#descriptors} descriptors, but ${seen}`;
    await eventually(missing, async () => {
      await releaseOthers(session);
      const { clients, binds, descriptors: { open } } = await session.status();
      seen = JSON.stringify({ clients, binds, open });
      if (clients !== 1 || binds !== 1) return false;
      if (open > this.#descriptors) return false;
      this.#descriptors = open;
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

async function releaseOthers(session: Session): Promise<void> {
  const [host, port] = KEPT;
  const binds = await session.list();
  const others = binds.filter(({ address }) => address !== `${host}:${port}`);
  assertEquals(others.length, binds.length - 1, "another socket was lost");
  for (const { address, options } of others) {
    await session.release(address, options);
  }
}

function leaveDead(path: string): void {
  using socket = newSocket({ family: "unix" }, "stream");
  bindSocket(socket.fd, { family: "unix", path });
}

function idsOf(message: { id?: unknown } | { id?: unknown }[]): unknown {
  return Array.isArray(message) ? message.map(({ id }) => id) : message.id;
}

function isAnswer(answer: Answer): boolean {
  return answer.jsonrpc === "2.0" &&
    ("result" in answer) !== (answer.error !== undefined);
}

/** Asserts an answer of JSON-RPC or a closed connection. */
async function isAnswered(
  connection: RawConnection,
  request: string,
): Promise<boolean> {
  await connection.send(request);
  const line = await connection.next();
  if (line === undefined) return false;
  const message: Answer | Answer[] = JSON.parse(line.text);
  assert([message].flat().every(isAnswer), line.text);
  // A refused client is answered before its request is read.
  const turnedAway = !Array.isArray(message) && message.id === null;
  if (!turnedAway) assertEquals(idsOf(message), idsOf(JSON.parse(request)));
  return true;
}

/** The faults of every act, each place in the code once. */
async function everyFaultOfEveryAct(): Promise<Map<Fault, number>> {
  await using stage = await Stage.open();
  const known = new Set<string>();
  const found = new Map<Fault, number>();
  for (const [index, act] of stage.acts.entries()) {
    const calls = (await stage.callsOf(act)).filter(({ symbol, site }) => {
      const isNew = !known.has(symbol + site);
      known.add(symbol + site);
      return isNew;
    });
    for (const fault of everyFault(calls)) found.set(fault, index);
  }
  return found;
}

Deno.test("if any call fails during a request, it is answered or its connection is closed, and nothing leaks", async () => {
  const faults = await everyFaultOfEveryAct();
  const stages: (Stage | undefined)[] = [];
  try {
    const missing = new Set([...faults.keys()].map(kindOf));
    await tryEach([...faults.keys()], WORKERS, async (fault, worker) => {
      const stage = stages[worker] ??= await Stage.open();
      const { process } = stage;
      try {
        const act = stage.acts[faults.get(fault)!]!;
        if (await stage.performUntil(fault, act)) missing.delete(kindOf(fault));
        process.recover();
        if (KEEPS_FILES.has(fault.symbol)) await stage.replaceLeft();
        await stage.clear();
      } catch (error) {
        const wrote = process.program.errors.text;
        stages[worker] = undefined;
        await stage[Symbol.asyncDispose]();
        throw new Error(`${error}; it wrote: ${wrote.slice(-2000)}`);
      }
    });
    assertEquals([...missing], [], "these did not happen anywhere");
  } finally {
    for (const stage of stages) await stage?.[Symbol.asyncDispose]();
  }
});

function kindOf({ symbol, outcome }: Fault): string {
  return `${symbol} ${outcome}`;
}
