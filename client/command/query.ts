import { connect, type Session } from "../session.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options.ts";
import { say } from "./output.ts";
import { UsageError } from "./usage_error.ts";

/** A command that asks the daemon for something and shows it. */
export interface Query<T> {
  name: string;
  usage: string;
  ask: (session: Session) => Promise<T>;
  /** The lines for people. */
  lines: (answer: T) => string[];
}

/** The command of a query, with `--json` for programs. */
export function queryCommand<T>(query: Query<T>): Command {
  const run = async (sock: string | undefined, json: boolean) => {
    using session = await connect(sock === undefined ? {} : { sock });
    const answer = await query.ask(session);
    if (json) say(JSON.stringify(answer, undefined, 2));
    else say(...query.lines(answer));
    return 0;
  };
  return {
    name: query.name,
    usage: query.usage,
    read: (args) => {
      const { words, asks, has, one } = readOptions(args, { flags: ["json"] });
      if (asks !== undefined) return { show: asks };
      if (words.length > 0) throw new UsageError(`what is ${words[0]}?`);
      const sock = one("sock");
      const json = has("json");
      return { run: () => run(sock, json) };
    },
  };
}
