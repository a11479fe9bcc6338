/**
 * A container without a network: user, network, PID, mount, IPC and UTS
 * namespaces of its own, and a root file system that shares one directory with
 * the host.
 *
 * @module
 */
import { dirname } from "@std/path";
import { eventually } from "../eventually.ts";
import { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

const JSR_URL = Deno.env.get("JSR_URL") ?? "";

/** Host paths with the tree, the packages and Deno. */
const PATHS: readonly string[] = [
  treePath("").replace(/\/$/, ""),
  ...JSR_URL.startsWith("file://") ? [new URL(JSR_URL).pathname] : [],
  dirname(Deno.execPath()),
];

/** A started container. */
export class Container implements AsyncDisposable {
  private constructor(
    private readonly scratch: Scratch,
    /** unshare(1), which has the output of the container. */
    readonly program: Program,
    /** The container's process 1, by its PID on the host. */
    readonly pid: number,
  ) {}

  /**
   * Starts a command as process 1 of a container.
   *
   * @param control the directory of the host that it sees as /run/multibinder
   * @param under a program of the host that starts it, such as setpriv(1)
   */
  static async start(
    control: string,
    command: readonly string[],
    under: readonly string[] = [],
  ): Promise<Container> {
    const scratch = await Scratch.make();
    await Deno.chmod(scratch.path, 0o777);
    const words = [
      ...under,
      "unshare",
      ...["--user", "--map-root-user", "--net", "--pid", "--fork"],
      ...["--kill-child", "--mount", "--ipc", "--uts"],
      "sh",
      treePath("tests/support/containers/container.sh"),
      scratch.path,
      control,
      PATHS.join(":"),
      ...command,
    ];
    const program = Program.start(words[0]!, {
      args: words.slice(1),
      env: {
        DENO_DIR: "/tmp/deno",
        MULTIBINDER_SOCK: "/run/multibinder/control.sock",
      },
    });
    const pid = await childOf(program.pid);
    return new Container(scratch, program, pid);
  }

  /** Signals process 1. */
  signal(signal: Deno.Signal): void {
    Deno.kill(this.pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

async function childOf(pid: number): Promise<number> {
  let child = 0;
  await eventually(`a child of process ${pid}`, async () => {
    const children = `/proc/${pid}/task/${pid}/children`;
    child = Number((await Deno.readTextFile(children)).trim());
    return child > 0;
  });
  return child;
}
