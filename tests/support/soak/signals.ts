/**
 * The operator of a soak, which re-executes the daemon and changes its policy.
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

/** Sends signals, one after the other. */
export class Operator {
  /** Number of generations that have printed that they listen. */
  #heard = 1;
  #written = 0;

  constructor(
    readonly daemon: Daemon,
    readonly policyPath: string,
    readonly policies: PolicyInForce,
    readonly choices: readonly Policy[],
  ) {}

  /** Sends SIGUSR1 and does not wait for the re-exec. */
  startReexec(): void {
    this.daemon.program.signal("SIGUSR1");
  }

  /** Sends SIGHUP and does not wait for the reload. */
  startReread(): void {
    this.daemon.program.signal("SIGHUP");
  }

  /** Waits until the next generation listens. */
  async nextGeneration(): Promise<void> {
    await this.daemon.listening();
    this.#heard++;
  }

  /**
   * Waits until no signal is pending. Returns the generation, which has to agree
   * with the lines on standard output.
   */
  async settled(): Promise<number> {
    const { daemon } = this;
    await eventually(
      "signals that are taken and upgrades that have ended",
      async () => {
        const pending = await pendingSignals(daemon.pid);
        if (OURS.some((signal) => pending.has(signal))) return false;
        return !(await daemon.status()).upgrades.running;
      },
    );
    const { generation, pid } = await daemon.status();
    assertEquals(pid, daemon.pid);
    while (this.#heard < generation) await this.nextGeneration();
    assertEquals(this.#heard, generation, "generations that listened");
    return generation;
  }

  /** Replaces the policy file atomically. */
  async #write(text: string): Promise<void> {
    const path = `${this.policyPath}.new`;
    await Deno.writeTextFile(path, text);
    await Deno.rename(path, this.policyPath);
  }

  /** Writes a policy without a reload. */
  async write(policy: Policy): Promise<{ inForce(): Promise<void> }> {
    // The number of rules identifies the policy.
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

  /**
   * Writes an invalid policy, which the daemon rejects when it reads it. A re-exec
   * is abandoned as long as the file is invalid.
   */
  async spoil(text: string): Promise<{ refused(): Promise<void> }> {
    // The line of the error identifies the file.
    const line = 1 + ++this.#written;
    await this.#write("\n".repeat(line - 1) + text);
    return {
      refused: async () => {
        const where = `${this.policyPath}:${line}:`;
        const complaint = await this.daemon.program.errors.next(where);
        assert(/policy rejected|upgrade abandoned/.test(complaint), complaint);
      },
    };
  }

  /** Puts a policy in force. */
  async enforce(policy: Policy): Promise<void> {
    const { inForce } = await this.write(policy);
    this.startReread();
    await inForce();
  }

  /** Waits until everything is allowed and no signal is pending. */
  async calm(): Promise<number> {
    await this.enforce(EVERYTHING);
    return await this.settled();
  }
}

/** An act of the operator. */
export interface OperatorAct {
  readonly name: string;
  perform(operator: Operator, random: Random): Promise<unknown>;
}

/** Lets the actors run for some turns. */
async function turns(random: Random): Promise<void> {
  for (let left = random.below(20); left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Acts of the operator. */
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
      await operator.enforce(random.of(operator.choices));
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
      await operator.settled();
      await operator.enforce(random.of(operator.choices));
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
