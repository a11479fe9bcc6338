/**
 * Servers to take over from.
 *
 * @module
 */
import { startForeign } from "../foreign_program.ts";
import type { Program } from "../program.ts";
import { Scratch } from "../tree.ts";
import { CopiedDaemon, type SourceCopy } from "../upgrade/copied_daemon.ts";

/** A server on a control socket. `await using` stops it. */
export interface OldServer extends AsyncDisposable {
  /** The path of its control socket before the takeover. */
  readonly sock: string;
  /** The process. */
  readonly program: Program;
}

/** A server with the protocol of the Ruby multibinder. */
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

/** A daemon of an older release. */
export async function olderDaemon(
  change: (source: SourceCopy) => Promise<void> = async () => {},
): Promise<OldServer> {
  return await CopiedDaemon.start({
    change: async (source) => {
      await source.setVersion("0.0.1");
      await change(source);
    },
  });
}

/** A daemon without the method `list`. */
export async function daemonWithoutList(): Promise<OldServer> {
  return await olderDaemon((source) =>
    source.edit("protocol.ts", '"bind", "list", "release"', '"bind", "release"')
  );
}
