/**
 * What the operator of a soak does to the daemon while others use it: re-execs
 * and policies.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Daemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import { pendingSignals } from "../process_state.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import {
  BROKEN,
  EVERYTHING,
  type Policy,
  type PolicyInForce,
  textWith,
} from "./policies.ts";

/** SIGUSR1 and SIGHUP, signal(7). */
const OURS = [10, 1] as const;

/** One who sends signals, one after the other. */
export class Operator {
  /** Generations that have said that they listen. */
  #heard = 1;
  #written = 0;

  constructor(
    readonly daemon: Daemon,
    readonly policyPath: string,
    readonly policies: PolicyInForce,
    readonly choices: readonly Policy[],
  ) {}

  /** Replaces the daemon's program; it goes on at some later moment. */
  startReexec(): void {
    this.daemon.program.signal("SIGUSR1");
  }

  /** Has the policy read at some later moment. */
  startReread(): void {
    this.daemon.program.signal("SIGHUP");
  }

  /** Waits until one more generation listens. */
  async nextGeneration(): Promise<void> {
    await this.daemon.listening();
    this.#heard++;
  }

  /**
   * Waits until no signal is on its way: the generation there is then, which
   * has to be the one that all lines on standard output add up to.
   */
  async settled(): Promise<number> {
    const { daemon } = this;
    await eventually("signals that are taken", async () => {
      const pending = await pendingSignals(daemon.pid);
      return OURS.every((signal) => !pending.has(signal));
    });
    // Whoever has taken the signal answers nothing before the exec.
    const { generation, pid } = await daemon.status();
    assertEquals(pid, daemon.pid);
    while (this.#heard < generation) await this.nextGeneration();
    assertEquals(this.#heard, generation, "generations that listened");
    return generation;
  }

  /** Puts a text where the policy is, at once and as a whole. */
  async #write(text: string): Promise<void> {
    const path = `${this.policyPath}.new`;
    await Deno.writeTextFile(path, text);
    await Deno.rename(path, this.policyPath);
  }

  /** Writes a policy, which the daemon reads when it is told to. */
  async write(policy: Policy): Promise<{ inForce(): Promise<void> }> {
    // The number of rules says which it is: the last ones had others.
    const count = 4 + this.#written++ % 32;
    this.policies.mayCome(policy);
    await this.#write(textWith(policy, count));
    return {
      inForce: async () => {
        await eventually(`the policy ${policy.name}`, async () => {
          const { policy: found } = await this.daemon.status();
          return found?.rules === count;
        });
        this.policies.hasCome();
      },
    };
  }

  /** Writes what is no policy, which the daemon complains of when it reads it. */
  async spoil(text: string): Promise<{ refused(): Promise<void> }> {
    // Its line says which it is.
    const line = 1 + ++this.#written;
    await this.#write("\n".repeat(line - 1) + text);
    return {
      refused: async () => {
        const where = `${this.policyPath}:${line}: `;
        const complaint = await this.daemon.program.errors.next(where);
        assert(complaint.includes("policy refused"), complaint);
      },
    };
  }

  /** Puts a policy in force. */
  async enforce(policy: Policy): Promise<void> {
    const { inForce } = await this.write(policy);
    this.startReread();
    await inForce();
  }

  /** Everything is allowed and no signal is on its way. */
  async calm(): Promise<number> {
    await this.enforce(EVERYTHING);
    return await this.settled();
  }
}

/** Something that an operator does. */
export interface OperatorAct {
  readonly name: string;
  perform(operator: Operator, random: Random): Promise<unknown>;
}

/** Lets others have a turn or some. */
async function turns(random: Random): Promise<void> {
  for (let left = random.below(20); left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** What operators do. */
export const OPERATOR_ACTS: readonly OperatorAct[] = [
  {
    name: "a re-exec",
    async perform(operator) {
      operator.startReexec();
      await operator.nextGeneration();
    },
  },
  {
    name: "a re-exec, and another as soon as it listens",
    async perform(operator) {
      for (let count = 0; count < 2; count++) {
        operator.startReexec();
        await operator.nextGeneration();
      }
    },
  },
  {
    name: "several re-execs in a row",
    async perform(operator, random) {
      for (let left = 2 + random.below(4); left > 0; left--) {
        operator.startReexec();
        await turns(random);
      }
      await operator.settled();
    },
  },
  {
    name: "another policy",
    perform: (operator, random) =>
      operator.enforce(random.of(operator.choices)),
  },
  {
    name: "a broken policy",
    async perform(operator, random) {
      const { refused } = await operator.spoil(random.of(BROKEN));
      operator.startReread();
      await refused();
    },
  },
  {
    name: "another policy with a re-exec",
    async perform(operator, random) {
      const { inForce } = await operator.write(random.of(operator.choices));
      operator.startReexec();
      await inForce();
      await operator.nextGeneration();
    },
  },
  {
    name: "a broken policy with a re-exec",
    async perform(operator, random) {
      const { refused } = await operator.spoil(random.of(BROKEN));
      operator.startReexec();
      await refused();
      await operator.nextGeneration();
    },
  },
  {
    name: "another policy with both signals at once",
    async perform(operator, random) {
      const { inForce } = await operator.write(random.of(operator.choices));
      operator.startReread();
      operator.startReexec();
      await turns(random);
      operator.startReread();
      await inForce();
      await operator.settled();
    },
  },
];
