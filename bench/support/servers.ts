/** The daemon of this tree, and the servers that it is compared with. */
import { compile } from "./compile.ts";
import type { ServerProgram } from "./running_server.ts";
import { treePath } from "./tree_path.ts";

/** The daemon, with its default options and its single permission. */
export const DAEMON: ServerProgram = {
  name: "daemon",
  command: [
    ...[Deno.execPath(), "run", "--no-prompt"],
    ...["-P=daemon", treePath("server.ts")],
  ],
};

/**
 * A server of the same protocol in Ruby, written for this project's tests. It
 * is not the multibinder gem.
 */
export const RUBY_TEST_SERVER: ServerProgram = {
  name: "our Ruby test server",
  command: ["ruby", treePath("tests/support/programs/server.rb")],
};

/** Compiles the C floor (bench/c/floor.c) into `folder`. */
export async function compileFloor(folder: string): Promise<ServerProgram> {
  return { name: "C floor", command: [await compile("floor", folder)] };
}
