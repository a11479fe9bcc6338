/**
 * A daemon with a policy and a control socket that every user can connect to.
 *
 * @module
 */
import { connect } from "../../../client.ts";
import type { BindDescription } from "../../../protocol.ts";
import { Daemon, type DaemonOptions } from "../daemon.ts";
import { OpenScratch } from "../unprivileged.ts";
import type { RuleText } from "./asking.ts";
import { OtherUser, type User } from "./other_user.ts";

/** Allows the test process to call list and status; the last rule. */
export const OBSERVER: RuleText = {
  name: "observer",
  user: 0,
  methods: ["list", "status"],
};

/** The text of a policy of these rules. */
export function policyText(...rules: readonly RuleText[]): string {
  return JSON.stringify({ rules }, null, 2);
}

/** A listening daemon. `await using` stops it and removes its files. */
export class PolicyDaemon implements AsyncDisposable {
  private constructor(
    /** The directory of its files, which other users can only read. */
    readonly open: OpenScratch,
    /** The daemon. */
    readonly daemon: Daemon,
    /** The file of the policy. */
    readonly policyPath: string,
  ) {}

  /** Starts a daemon with these rules. Default `access`: everybody may connect. */
  static async start(
    rules: readonly RuleText[],
    { args = [], ...options }: Omit<DaemonOptions, "sock"> = {},
    access: readonly string[] = ["--mode", "0666"],
  ): Promise<PolicyDaemon> {
    const open = await OpenScratch.make();
    try {
      const policyPath = open.join("policy.jsonc");
      await Deno.writeTextFile(policyPath, policyText(...rules));
      const daemon = await Daemon.start({
        ...options,
        sock: open.join("control.sock"),
        args: ["--policy", policyPath, ...access, ...args],
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

  /** Connects a client of that user. */
  as(user: User): Promise<OtherUser> {
    return OtherUser.connect(this.sock, user);
  }

  /** Replaces the policy file without a reload. */
  async write(...rules: readonly RuleText[]): Promise<void> {
    await Deno.writeTextFile(this.policyPath, policyText(...rules));
  }

  /** Reloads the file. Returns the log line of the result. */
  async reread(): Promise<string> {
    this.daemon.program.signal("SIGHUP");
    return await this.daemon.program.errors.next("policy re");
  }

  /** The held sockets; {@linkcode OBSERVER} has to be among the rules. */
  async held(): Promise<BindDescription[]> {
    using session = await connect({ sock: this.sock });
    return await session.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.open[Symbol.asyncDispose]();
  }
}
