/**
 * A daemon with a policy to which everybody may connect.
 *
 * @module
 */
import { connect } from "../../../client.ts";
import type { BindDescription } from "../../../protocol.ts";
import { Daemon, type DaemonOptions } from "../daemon.ts";
import { OpenScratch } from "../unprivileged.ts";
import type { RuleText } from "./asking.ts";
import { OtherUser, type User } from "./other_user.ts";

/** Lets the test itself look, as the last rule. */
export const OBSERVER: RuleText = {
  name: "observer",
  user: 0,
  methods: ["list", "status"],
};

/** The text of a policy of these rules. */
export function policyText(...rules: readonly RuleText[]): string {
  return JSON.stringify({ rules }, null, 2);
}

/** A daemon that listens. `await using` ends it and removes its files. */
export class PolicyDaemon implements AsyncDisposable {
  private constructor(
    /** Where its files are: others may look but not write. */
    readonly open: OpenScratch,
    /** The daemon. */
    readonly daemon: Daemon,
    /** The file of the policy. */
    readonly policyPath: string,
  ) {}

  /** Starts one with these rules. */
  static async start(
    rules: readonly RuleText[],
    { args = [], ...options }: Omit<DaemonOptions, "sock"> = {},
  ): Promise<PolicyDaemon> {
    const open = await OpenScratch.make();
    try {
      const policyPath = open.join("policy.jsonc");
      await Deno.writeTextFile(policyPath, policyText(...rules));
      const daemon = await Daemon.start({
        ...options,
        sock: open.join("control.sock"),
        args: ["--policy", policyPath, "--mode", "0666", ...args],
      });
      return new PolicyDaemon(open, daemon, policyPath);
    } catch (error) {
      await open[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The path of its control socket. */
  get sock(): string {
    return this.daemon.sock;
  }

  /** Somebody who is connected to it. */
  as(user: User): Promise<OtherUser> {
    return OtherUser.connect(this.sock, user);
  }

  /** Replaces the file; what is in force stays. */
  async write(...rules: readonly RuleText[]): Promise<void> {
    await Deno.writeTextFile(this.policyPath, policyText(...rules));
  }

  /** Has the file read again; the line of the log that says how it went. */
  async reread(): Promise<string> {
    this.daemon.program.signal("SIGHUP");
    return await this.daemon.program.errors.next("policy re");
  }

  /** What it holds, where {@linkcode OBSERVER} is among the rules. */
  async held(): Promise<BindDescription[]> {
    using session = await connect({ sock: this.sock });
    return await session.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.open[Symbol.asyncDispose]();
  }
}
