/**
 * A run: a daemon, its concurrent actors, and their rounds.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Daemon, MINIMAL_FLAGS } from "../daemon.ts";
import { Random } from "../bad_clients/malformed_requests.ts";
import { Scratch } from "../tree.ts";
import { Accounting } from "./accounting.ts";
import { type Act, ACTS } from "./acts.ts";
import { Actor, type Ground, type Grounds } from "./actor.ts";
import { BAD_CLIENTS } from "./bad_clients.ts";
import { FLOODS, REQUESTS_A_TURN } from "./flood.ts";
import { environmentOfRun } from "./environments.ts";
import { assertNotGrown, memoryOf } from "./memory.ts";
import { Model } from "./model.ts";
import { Territory, ZONES } from "./places.ts";
import {
  decisionsOf,
  FIRST_ROUND,
  FLOOD_REQUESTS,
  repeating,
  SEED,
} from "./plan.ts";
import {
  EVERYTHING,
  policiesFor,
  PolicyInForce,
  textWith,
} from "./policies.ts";
import { Operator, OPERATOR_ACTS } from "./signals.ts";
import { occupy } from "./sockets.ts";
import { Turns } from "./turns.ts";

/** Number of concurrent actors. */
const ACTORS = 4;

/** The number of the operator, which sends signals. */
const OPERATOR = ACTORS;

/** Number of acts of an actor in a storm. */
const ACTS_A_STORM = 60;

/** Number of acts of the operator in a storm. */
const SIGNALS_A_STORM = 8;

/** Number of acts of an actor in a flood. */
const FLOOD_TURNS = Math.ceil(FLOOD_REQUESTS / ACTORS / REQUESTS_A_TURN);

/** After half a flood the memory of the daemon does not grow any more. */
const WARM_UP_TURNS = Math.ceil(FLOOD_TURNS / 2);

/** One act in this many is not a flood. */
const SOMETHING_ELSE = 5;

const EVERY_ACT: readonly Act[] = [...ACTS, ...ACTS, ...BAD_CLIENTS];

/** The acts of an actor in a storm. */
function* stormyActs(random: Random): Generator<Act> {
  for (let count = 0; count < ACTS_A_STORM; count++) yield random.of(EVERY_ACT);
}

/** The acts of an actor in a stretch without signals. */
function* steadyActs(random: Random, turns: number): Generator<Act> {
  for (let turn = 0; turn < turns; turn++) {
    yield* FLOODS;
    if (random.below(SOMETHING_ELSE) === 0) yield random.of(EVERY_ACT);
  }
}

interface Parts {
  readonly daemon: Daemon;
  readonly ground: Ground;
  readonly grounds: readonly Grounds[];
  readonly operator: Operator;
  readonly books: Accounting;
}

/** A run of the soak. `await using` stops its daemon. */
export class Run implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #parts: Parts;
  #storms = FIRST_ROUND;
  #stretches = 0;
  /** Aborted when an actor fails, to stop the others. */
  #failed = false;

  private constructor(stack: AsyncDisposableStack, parts: Parts) {
    this.#stack = stack;
    this.#parts = parts;
  }

  /** Starts a daemon and its checks. */
  static async start(): Promise<Run> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make());
    const directory = await Deno.realPath(scratch.path);
    for (const zone of ZONES) await Deno.mkdir(`${directory}/${zone}`);
    const territory = new Territory(directory);
    const model = new Model();
    const taken = territory.taken();
    for (const place of taken) {
      stack.use(occupy(place));
      model.addOthers(place, 1);
    }
    const policyPath = `${directory}/policy.jsonc`;
    await Deno.writeTextFile(policyPath, textWith(EVERYTHING, 1));
    const daemon = stack.use(await startDaemon(policyPath, directory));
    const policies = new PolicyInForce();
    const choices = policiesFor(territory);
    const operator = new Operator(daemon, policyPath, policies, choices);
    // The second generation has closed what the first one inherited.
    operator.startReexec();
    await operator.nextGeneration();
    const shared = territory.shared();
    const grounds = Array.from({ length: ACTORS }, (_, actor): Grounds => ({
      places: territory.ownedBy(actor),
      ventured: territory.ventured(actor),
    }));
    const ventured = grounds.flatMap(({ ventured }) => ventured);
    const owned = grounds.flatMap(({ places }) => places);
    const books = await Accounting.open({
      daemon,
      model,
      territory,
      places: [...owned, ...ventured, ...shared],
      ventured,
    });
    const { sock } = daemon;
    const ground: Ground = { sock, model, policies, shared, taken };
    const parts = { daemon, ground, grounds, operator, books };
    return new Run(stack.move(), parts);
  }

  /** Runs random acts of all actors while the operator sends signals. */
  async storm(): Promise<void> {
    const round = this.#storms++;
    const { operator, books } = this.#parts;
    await this.#inCase(repeating(round), async () => {
      const turns = new Turns();
      const acting = this.#actAll(round, stormyActs, () => turns.step())
        .finally(() => turns.end());
      await allOf([acting, this.#operate(round, turns)]);
      const generation = await operator.calm();
      await books.balance(generation);
      // Some rounds start with an empty daemon.
      if (round % 3 === 2) await books.clear(generation);
    });
  }

  /** Runs thousands of requests and checks that the daemon does not grow. */
  async flood(): Promise<void> {
    const { daemon } = this.#parts;
    await this.#stretch(WARM_UP_TURNS);
    const before = await memoryOf(daemon);
    await this.#stretch(FLOOD_TURNS);
    await this.#inCase(`seed ${SEED}, memory`, async () => {
      const after = await assertNotGrown(daemon, before);
      console.log(
        `heap ${inMiB(before.heap)} then ${inMiB(after.heap)} MiB, ` +
          `resident ${inMiB(before.resident)} then ${
            inMiB(after.resident)
          } MiB`,
      );
    });
  }

  async #stretch(turns: number): Promise<void> {
    const stretch = this.#stretches++;
    const { operator, books } = this.#parts;
    await this.#inCase(`seed ${SEED}, stretch ${stretch}`, async () => {
      const acts = (random: Random) => steadyActs(random, turns);
      await this.#actAll(STRETCHES + stretch, acts, () => {});
      const generation = await operator.calm();
      await books.balance(generation);
      await books.clear(generation);
    });
  }

  /** A summary of the run. */
  async finish(): Promise<void> {
    const { operator, books, daemon } = this.#parts;
    await books.clear(await operator.calm());
    const { code, signal } = await daemon.stop();
    assertEquals([code, signal], [0, null]);
    books.assertLog();
    await assertRejects(() => Deno.lstat(daemon.sock), Deno.errors.NotFound);
  }

  /** Runs all actors concurrently. */
  async #actAll(
    round: number,
    acts: (random: Random) => Iterable<Act>,
    done: () => void,
  ): Promise<void> {
    const { ground, grounds } = this.#parts;
    await allOf(grounds.map(async (own, number) => {
      const random = decisionsOf(round, number);
      using actor = new Actor(ground, own, random);
      let count = 0;
      for (const act of acts(random)) {
        if (this.#failed) return;
        // Each act has its own random numbers.
        actor.random = new Random(random.below(2 ** 32));
        count++;
        await this.#inCase(
          `actor ${number}, act ${count} (${act.name})`,
          () => act.perform(actor),
        );
        done();
      }
      await actor.readAllLate();
    }));
  }

  /** Sends signals while the actors act. */
  async #operate(round: number, turns: Turns): Promise<void> {
    const random = decisionsOf(round, OPERATOR);
    const all = ACTORS * ACTS_A_STORM;
    const moments = Array.from(
      { length: SIGNALS_A_STORM },
      () => random.below(all),
    ).sort((one, other) => one - other);
    for (const moment of moments) {
      const act = random.of(OPERATOR_ACTS);
      const decisions = new Random(random.below(2 ** 32));
      await turns.after(moment);
      if (this.#failed) return;
      await this.#inCase(
        `the operator (${act.name})`,
        () => act.perform(this.#parts.operator, decisions),
      );
    }
  }

  /** Adds the position in the run to an error. */
  async #inCase(
    where: string,
    action: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await action();
    } catch (cause) {
      this.#failed = true;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${where}: ${reason}`, { cause });
    }
  }

  /** Stops the daemon. Returns its log. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
    if (this.#failed) console.log(this.#parts.daemon.program.errors.text);
  }
}

/** Rounds that are steady stretches have these numbers. */
const STRETCHES = 1_000_000;

function inMiB(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** Waits for all promises, even if one rejects. */
async function allOf(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

/**
 * V8 flags: with a small young generation and full collections only, the memory
 * in use is known to a few hundred KiB.
 */
const OFTEN_COLLECTED = "--v8-flags=--gc-global,--max-semi-space-size=1";

async function startDaemon(
  policyPath: string,
  directory: string,
): Promise<Daemon> {
  const environment = environmentOfRun();
  console.log(`environment: ${environment.name}`);
  const home = `${directory}/working`;
  await Deno.mkdir(home);
  const daemon = await Daemon.start({
    permissions: [...MINIMAL_FLAGS, OFTEN_COLLECTED],
    args: [
      ...["--policy", policyPath],
      ...["--log-level", "error"],
      // A busy machine may take long to send the rest of a request.
      ...["--request-timeout", "0"],
    ],
    under: environment.under(home),
  });
  await environment.change(home);
  return daemon;
}
