/**
 * An example unit that serves port 80 of an address on a machine.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ask } from "../activate/activated.ts";
import { eventually } from "../eventually.ts";
import { within } from "../program.ts";
import { treePath } from "../tree.ts";
import { privilegedAddress } from "./example_units.ts";
import { type CommandResult, Machine } from "./machine.ts";

/** A unit of a machine. `await using` stops the machine. */
export class Instance implements AsyncDisposable {
  /** The address that is served. */
  readonly hostname: string = privilegedAddress().split(":")[0]!;

  /** The unit of a machine that has booted. It is not started. */
  constructor(readonly machine: Machine, readonly unit: string) {}

  /** Performs `steps`; stops the machine if one fails. */
  async after(...steps: (() => Promise<void>)[]): Promise<this> {
    try {
      for (const step of steps) await step();
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs `systemctl VERB` on the unit. */
  systemctl(verb: string): Promise<CommandResult> {
    return this.machine.systemctl(verb, this.unit);
  }

  /** Runs `systemctl VERB` on the unit, which must succeed. */
  async succeeds(verb: string): Promise<void> {
    const { code, errors } = await this.systemctl(verb);
    assertEquals(code, 0, errors + await this.log());
  }

  /** A property of the unit. */
  property(name: string): Promise<string> {
    return this.machine.property(this.unit, name);
  }

  /** The output of the unit. */
  log(): Promise<string> {
    return this.machine.journal(this.unit);
  }

  /** Waits until the log has a text. */
  async logs(part: string): Promise<void> {
    await eventually(
      `"${part}" in the log`,
      async () => (await this.log()).includes(part),
    );
  }

  /** The answer to a request on a new connection. */
  ask(): Promise<string> {
    return within(ask(80, this.hostname), "an answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

/** What `systemd-analyze verify` says of a unit, by its name or path. */
export function verified(
  machine: Machine,
  unit: string,
): Promise<CommandResult> {
  const options = ["--recursive-errors=no", "--man=no"];
  return machine.run("systemd-analyze", "verify", ...options, unit);
}

/** Asserts that `systemd-analyze verify` finds no problem in one of `units`. */
export async function assertVerified(
  units: Record<string, string>,
  unit: string,
): Promise<void> {
  await using machine = await Machine.start({ units });
  const expected = { code: 0, output: "", errors: "" };
  assertEquals(await verified(machine, unit), expected);
}

/**
 * Asserts that `systemd-analyze security` gives a unit below `examples/` at most
 * `threshold` tenths.
 */
export async function assertExposure(
  path: string,
  threshold: number,
): Promise<void> {
  const { code, stdout } = await new Deno.Command("systemd-analyze", {
    args: [
      "security",
      "--offline=true",
      `--threshold=${threshold}`,
      "--no-pager",
      treePath(`examples/${path}`),
    ],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stdout));
}
