import { assert, assertEquals } from "@std/assert";
import { connect, type Session } from "../../client.ts";
import type { Status } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { settled } from "../support/process_state.ts";
import { within } from "../support/program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import type { Random } from "../support/bad_clients/malformed_requests.ts";
import { Scratch } from "../support/tree.ts";
import { expectedFor } from "../support/fuzz/expected_answers.ts";
import { sendIn, wayOf } from "../support/fuzz/framings.ts";
import { isHarmless } from "../support/fuzz/harmless.ts";
import { joined, mutated } from "../support/fuzz/mutations.ts";
import { requestIn } from "../support/fuzz/requests.ts";
import { casesFor, inCase, SEED } from "../support/fuzz/seed.ts";

const CASES = casesFor(10_000);

/** Number of cases after which leaks are checked. */
const BATCH = 400;

/** Number of concurrent clients. */
const CLIENTS = 8;

/** Allowed growth after the first thousands of cases, in bytes. */
const GROWTH = 64 * 1024 * 1024;

/**
 * The daemon drops a client with more than 1 MiB of unread answers, and a list of
 * many sockets is long.
 */
const MOST_LISTS = 4;

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of harmless requests. */
function bytesFor(random: Random, directory: string): Bytes {
  while (true) {
    const count = random.of([1, 1, 1, 2, 3, 10]);
    const pieces = Array.from(
      { length: count },
      () => mutated(requestIn(directory, random), random),
    );
    const bytes = joined(pieces);
    const { messages } = expectedFor(bytes);
    if (listsIn(messages) > MOST_LISTS) continue;
    if (messages.every((each) => isHarmless(each, directory))) return bytes;
  }
}

function listsIn(messages: readonly unknown[]): number {
  const requests = messages.flat() as ({ method?: unknown } | null)[];
  return requests.filter((each) => each?.method === "list").length;
}

function shown(bytes: Bytes): string {
  const text = JSON.stringify(new TextDecoder().decode(bytes));
  return text.length > 2000 ? `${text.slice(0, 2000)}...` : text;
}

/** A daemon with its descriptors and memory before the first request. */
class Target implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly daemon: Daemon,
    readonly session: Session,
    readonly before: Status,
  ) {}

  static async open(): Promise<Target> {
    const scratch = await Scratch.make();
    const daemon = await Daemon.start({ args: ["--log-level", "error"] });
    const session = await connect({ sock: daemon.sock });
    await settled(daemon.pid);
    return new Target(scratch, daemon, session, await session.status());
  }

  async try(number: number): Promise<void> {
    let subject = "being made";
    await inCase(number, () => subject, async (random) => {
      const bytes = bytesFor(random, this.scratch.path);
      const way = wayOf(random);
      subject = `${way.what}, ${shown(bytes)}`;
      await sendIn(way, this.daemon.sock, bytes, random);
    });
  }

  /** Asserts that another client is answered. */
  async watch(until: Promise<unknown>): Promise<void> {
    let isOver = false;
    until.then(() => isOver = true, () => isOver = true);
    using other = await connect({ sock: this.daemon.sock });
    while (!isOver) {
      const status = await within(other.status(), "a status");
      assertEquals(status.pid, this.before.pid);
    }
  }

  /** Asserts that the daemon holds the bound sockets, and releases them. */
  async clear(): Promise<void> {
    await this.#withoutClients();
    for (const { address, options } of await this.session.list()) {
      await this.session.release(address, options);
    }
    await this.#withoutClients();
    const { session, before } = this;
    const { pid, generation, binds, memory } = await session.status();
    assertEquals({ pid, generation, binds }, {
      pid: before.pid,
      generation: 1,
      binds: 0,
    });
    const grown = memory.heap_bytes - before.memory.heap_bytes;
    assert(grown < GROWTH, `${grown} bytes of heap more than at first`);
    const left = [...Deno.readDirSync(this.scratch.path)];
    assertEquals(left.map(({ name }) => name), []);
    assertEquals(this.daemon.program.errors.text, "");
  }

  /** Asserts that no descriptor is open except the daemon's own and its binds. */
  async #withoutClients(): Promise<void> {
    const { session, before } = this;
    let seen: unknown;
    await eventually(() => `no clients: ${JSON.stringify(seen)}`, async () => {
      const { clients, binds, descriptors: { open } } = await session.status();
      seen = { clients, binds, open, before: before.descriptors.open };
      return clients === 1 && open <= before.descriptors.open + binds;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.close();
    await this.daemon[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

Deno.test(`${CASES} mutated requests: each is answered once or ends its connection, and leaks nothing`, async () => {
  await using target = await Target.open();
  const { sock } = target.daemon;
  for (let tried = 0; tried < CASES; tried += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, index) => tried + index)
      .values();
    // A client that never reads its answers, for the duration of the batch.
    using unread = RawConnection.open(sock);
    await inCase(
      tried,
      () => "never read",
      (random) => unread.send(bytesFor(random, target.scratch.path)),
    );
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (const number of numbers) await target.try(number);
    });
    const all = Promise.all(clients);
    await Promise.all([all, target.watch(all)]);
    unread[Symbol.dispose]();
    await inCase(tried, () => "what the batch has left", () => target.clear());
  }
});

Deno.test("the same seed generates the same cases", async () => {
  await inCase(
    0,
    () => `seed ${SEED}`,
    (one) =>
      inCase(0, () => `seed ${SEED}`, (other) => {
        for (let count = 0; count < 100; count++) {
          assertEquals(bytesFor(one, "/s"), bytesFor(other, "/s"));
        }
      }),
  );
});
