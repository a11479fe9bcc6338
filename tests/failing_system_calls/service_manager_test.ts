import { assert, assertEquals } from "@std/assert";
import { connect, type Session } from "../../client.ts";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import {
  everyFault,
  tryEach,
} from "../support/failing_system_calls/every_fault.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import type { Call } from "../support/failing_system_calls/plan.ts";

/** Interval at which it checks whether to stop, in ms. */
const TURN = 50;

/** A service manager that receives messages and closes their descriptors. */
class Manager implements AsyncDisposable {
  readonly #socket: NotificationSocket;
  readonly #loop: Promise<void>;
  #ended = false;

  constructor(readonly name: string) {
    this.#socket = new NotificationSocket(name);
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      await waitReady(this.#socket.fd, "read", TURN);
      while (this.#socket.receive() !== undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#loop;
    this.#socket[Symbol.dispose]();
  }
}

async function bindAndRelease(session: Session): Promise<void> {
  const attempts = [
    async () => (await session.bind("127.0.0.1", 0)).close(),
    () => session.release("127.0.0.1", 0),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      // An error answer is allowed.
      assert(error instanceof Error && error.name === "BindError", `${error}`);
    }
  }
}

async function releaseAll(session: Session): Promise<void> {
  for (const { address } of await session.list()) {
    await session.release(address);
  }
}

function ofTheManager({ site }: Call): boolean {
  return /\bservice_manager\.ts:/.test(site);
}

/** The minimum number of descriptors: Deno opens some temporarily. */
async function descriptorsOf(session: Session): Promise<number> {
  let fewest = Infinity;
  for (let turn = 0; turn < 20; turn++) {
    const { descriptors: { open } } = await session.status();
    fewest = Math.min(fewest, open);
  }
  return fewest;
}

Deno.test("if any call fails during a notification of the service manager, requests are answered and nothing leaks", async () => {
  await using manager = new Manager(`@multibinder-${crypto.randomUUID()}`);
  const env = { NOTIFY_SOCKET: manager.name };
  await using process = await FaultyProcess.listening({ env });
  await process.settled();
  using session = await connect({ sock: process.sock });
  process.trace();
  await bindAndRelease(session);
  const faults = everyFault(process.calls().filter(ofTheManager));
  process.recover();
  assert(faults.length > 0);
  await tryEach(faults, 1, async (fault) => {
    assert(!process.ended, "the daemon has ended before");
    const before = await descriptorsOf(session);
    process.inject(fault);
    await bindAndRelease(session);
    assertEquals(process.happened, 1, "the fault did not happen");
    process.recover();
    await releaseAll(session);
    assertEquals(await descriptorsOf(session), before);
  });
});
