import { executable } from "../../ffi/processes/executable.ts";
import {
  changeDirectory,
  commandLine,
  execute,
  hasWorkingDirectory,
  initialEnvironment,
} from "../../ffi/processes/process.ts";
import { LISTEN_VARIABLES } from "../../ffi/systemd/listen_fds.ts";
import { RUBY_PREFIX } from "../takeover/ruby_environment.ts";

/** Names the descriptor of the state: `<pid>:<fd>:<attempt>`. */
export const STATE_VARIABLE = "MULTIBINDER_STATE";

/** Set to 1 for a program that is only checked. */
export const CHECK_VARIABLE = "MULTIBINDER_CHECK";

/** The program that a re-exec executes. The check starts the same one. */
export interface NextProgram {
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** Default: the working directory of this process. */
  readonly directory?: string;
}

/**
 * The directory of the next program if the working directory is gone: Deno
 * exits at once if it has none. Only root can put a configuration file there
 * that Deno reads.
 */
const FALLBACK_DIRECTORY = "/";

/** This program with another variable. */
export function nextProgram(variable: string, value: string): NextProgram {
  const environment = initialEnvironment()
    .filter((entry) => !isForThisGeneration(entry));
  return {
    path: executable(),
    argv: commandLine(),
    environment: [...environment, `${variable}=${value}`],
    ...(!hasWorkingDirectory() && { directory: FALLBACK_DIRECTORY }),
  };
}

/** Whether a variable describes descriptors of this generation only. */
function isForThisGeneration(entry: string): boolean {
  return entry.startsWith(RUBY_PREFIX) ||
    [STATE_VARIABLE, CHECK_VARIABLE, ...LISTEN_VARIABLES]
      .some((name) => entry.startsWith(`${name}=`));
}

/**
 * Executes a program in this process.
 *
 * @throws {OsError} if it cannot be executed.
 */
export function become(program: NextProgram): never {
  const { path, argv, environment, directory } = program;
  if (directory !== undefined) changeDirectory(directory);
  return execute(path, argv, environment);
}
