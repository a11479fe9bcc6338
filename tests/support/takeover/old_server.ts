/**
 * Servers whose place the daemon takes.
 *
 * @module
 */
import { startForeign } from "../foreign_program.ts";
import type { Program } from "../program.ts";
import { Scratch } from "../tree.ts";
import { CopiedDaemon, type SourceCopy } from "../upgrade/copied_daemon.ts";

/** A server on a control socket. `await using` ends it. */
export interface OldServer extends AsyncDisposable {
  /** The path of its control socket; others may have it afterwards. */
  readonly sock: string;
  /** The process. */
  readonly program: Program;
}

/** A server that speaks as the Ruby multibinder does. */
export async function rubyServer(): Promise<OldServer> {
  const scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const program = startForeign("server.rb", sock);
  await program.output.next("Listening for binds on control socket: ");
  return {
    sock,
    program,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** A daemon of ours of an older release. */
export async function olderDaemon(
  change: (source: SourceCopy) => Promise<void> = async () => {},
): Promise<OldServer> {
  return await CopiedDaemon.start({
    checks: false,
    change: async (source) => {
      await source.setVersion("0.0.1");
      await change(source);
    },
  });
}

/** One from the time before `list`. */
export async function daemonWithoutList(): Promise<OldServer> {
  return await olderDaemon((source) =>
    source.edit("protocol.ts", '"bind", "list", "release"', '"bind", "release"')
  );
}
