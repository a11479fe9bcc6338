/**
 * A machine with a real systemd: the installed one, as PID 1 of new namespaces,
 * with the network of this machine.
 *
 * Inside, `/` is this machine's file system, read-only. `/run`, `/tmp`, `/var/tmp`,
 * `/var/lib`, `/var/cache`, `/var/log`, the devices and the units are separate.
 * {@linkcode Machine.shared} is on both sides.
 *
 * @module
 */
import { eventually } from "../eventually.ts";
import { isEnd, runs } from "../process_life.ts";
import { Lines, within } from "../program.ts";
import { treePath } from "../tree.ts";

/** The service manager. */
const SYSTEMD = "/lib/systemd/systemd";

/** The command that starts `supervise.sh` in new namespaces. */
const UNSEEN = ["--mount", "--cgroup", "--propagation", "private"];

/** The path of the shared files inside a machine. */
const INSIDE = {
  deno: "/run/host/deno",
  denoDir: "/run/host/deno_dir",
  tree: "/run/host/tree/",
  journal: "/run/host/journal",
};

/** The units of every machine, on which others depend by default. */
const TARGETS = [
  "basic",
  "multi-user",
  "network",
  "network-online",
  "shutdown",
  "sockets",
  "sysinit",
];

/** The result of a command. */
export interface CommandResult {
  code: number;
  /** Standard output without its last line end. */
  output: string;
  /** Standard error without its last line end. */
  errors: string;
}

/** Options of {@linkcode Machine.start}. */
export interface MachineOptions {
  /**
   * Unit files by name, put in `/etc/systemd/system`; a name may have a folder
   * (`web.service.d/more.conf`). None is started.
   */
  units?: Record<string, string>;
}

/**
 * For the option `ignore` of a test: true if a {@linkcode Machine} cannot run; then
 * a line says why. If MULTIBINDER_TESTS_REQUIRE_ALL is set, as in CI, this throws.
 */
export async function lacksSystemd(): Promise<boolean> {
  const reason = await reasonAgainst();
  if (reason === undefined) return false;
  if (Deno.env.has("MULTIBINDER_TESTS_REQUIRE_ALL")) throw new Error(reason);
  console.log(`skipped: ${reason}`);
  return true;
}

async function reasonAgainst(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "a machine with systemd takes root";
  try {
    await Deno.stat(SYSTEMD);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "systemd is not installed";
  }
  const mount = ["mount", "-nt", "cgroup2", "cgroup2", "/sys/fs/cgroup"];
  const tried = await command(
    "unshare",
    ["--pid", "--fork", ...UNSEEN]
      .concat("--uts", "--ipc", ...mount),
  );
  if (tried.code === 0) return undefined;
  return `namespaces for systemd are not to be had: ${tried.errors}`;
}

/** A booted machine. `await using` stops it and its processes. */
export class Machine implements AsyncDisposable {
  readonly #supervisor: Deno.ChildProcess;
  readonly #folder: string;
  #ended = false;
  #pid = 0;
  /** The log of its service manager: `systemd[1]: Started web.service ...`. */
  readonly log: Lines;

  private constructor(supervisor: Deno.ChildProcess, folder: string) {
    this.#supervisor = supervisor;
    this.#folder = folder;
    this.log = new Lines(supervisor.stdout);
    supervisor.status.then(() => this.#ended = true);
  }

  /** Boots a machine and waits until its service manager answers. */
  static async start({ units = {} }: MachineOptions = {}): Promise<Machine> {
    const folder = await preparedFolder();
    const supervisor = new Deno.Command("unshare", {
      args: [
        ...UNSEEN,
        treePath("tests/support/systemd/supervise.sh"),
        folder,
        treePath(""),
        Deno.execPath(),
        await denoDirectory(),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const machine = new Machine(supervisor, folder);
    try {
      await machine.#write(units);
      await machine.#booted();
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw new Error(`the machine wrote:\n${machine.log.text}`, {
        cause: error,
      });
    }
    return machine;
  }

  async #booted(): Promise<void> {
    await this.log.next("The machine is ready for systemd.");
    this.#pid = Number(await Deno.readTextFile(`${this.#folder}/pid`));
    await eventually("systemctl answers", async () => {
      if (this.#ended) throw new Error("the machine has ended");
      const state = await this.systemctl("is-system-running", "--wait");
      return state.output === "running";
    });
  }

  /** The PID of its service manager outside of the machine. */
  get pid(): number {
    return this.#pid;
  }

  /** A directory with the same path inside and outside, initially empty. */
  get shared(): string {
    return `${this.#folder}/shared`;
  }

  /** The outside path of a file inside. */
  pathOf(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Adds or replaces unit files and reloads systemd. */
  async install(units: Record<string, string>): Promise<void> {
    await this.#write(units);
    const { code, errors } = await this.systemctl("daemon-reload");
    if (code !== 0) throw new Error(`daemon-reload: ${errors}`);
  }

  async #write(units: Record<string, string>): Promise<void> {
    await writeFiles(`${this.#folder}/etc/system`, units);
  }

  /** Runs a command inside, as root. */
  async run(...words: string[]): Promise<CommandResult> {
    return await command("nsenter", [
      `--target=${this.#pid}`,
      "--mount",
      "--pid",
      "--uts",
      "--ipc",
      "--cgroup",
      "--",
      ...words,
    ]);
  }

  /** Runs systemctl inside. */
  async systemctl(...words: string[]): Promise<CommandResult> {
    return await this.run("systemctl", ...words);
  }

  /** One property of a unit, as `systemctl show` prints it. */
  async property(unit: string, name: string): Promise<string> {
    const shown = await this.systemctl("show", "--value", "-p", name, unit);
    return shown.output;
  }

  /** The output of a unit until now. */
  async journal(unit: string): Promise<string> {
    try {
      return await Deno.readTextFile(`${this.#folder}/journal/${unit}.log`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  /** The PID of a service's main process inside the machine; 0 if none runs. */
  async mainPidInside(unit: string): Promise<number> {
    return Number(await this.property(unit, "MainPID"));
  }

  /** The PID of a service's main process outside, for kill and /proc. */
  async mainPid(unit: string): Promise<number> {
    const inside = await this.mainPidInside(unit);
    const found = inside === 0 ? undefined : await this.#outside(inside);
    if (found === undefined) throw new Error(`${unit} has no main process`);
    return found;
  }

  /** The outside PID of a process inside. */
  async #outside(inside: number): Promise<number | undefined> {
    const namespace = await Deno.readLink(`/proc/${this.#pid}/ns/pid`);
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const status = await Deno.readTextFile(`/proc/${name}/status`);
        // The PIDs in each PID namespace, the innermost one last.
        const numbers = /^NSpid:\t(.*)$/m.exec(status)?.[1]?.split("\t") ?? [];
        if (numbers.length < 2 || Number(numbers.at(-1)) !== inside) continue;
        if (await Deno.readLink(`/proc/${name}/ns/pid`) === namespace) {
          return Number(name);
        }
      } catch (error) {
        if (!isEnd(error)) throw error;
      }
    }
    return undefined;
  }

  /**
   * Kills a service's main process with SIGKILL and waits until it has exited:
   * until then it may accept a connection.
   */
  async kill(unit: string): Promise<void> {
    const pid = await this.mainPid(unit);
    Deno.kill(pid, "SIGKILL");
    await eventually(`the end of process ${pid}`, async () => !await runs(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor.stdin.close();
    const { code } = await within(
      this.#supervisor.status,
      () => `the end of a machine that wrote:\n${this.log.text}`,
    );
    const log = await this.log.all();
    if (code !== 0) throw new Error(`a machine left something:\n${log}`);
  }
}

/**
 * The `ExecStart=` line of a command: paths of Deno and of this tree become paths
 * inside the machine.
 */
export function execStart(words: readonly string[]): string {
  return `ExecStart=${words.map(inside).map(quoted).join(" ")}`;
}

/** Lines of the section [Service] that Deno needs. */
export function denoEnvironment(): string {
  const registry = Deno.env.get("JSR_URL");
  const lines = [`Environment=DENO_DIR=${INSIDE.denoDir}`];
  if (registry !== undefined) {
    const url = registry.replace(
      `file://${treePath("")}`,
      `file://${INSIDE.tree}`,
    );
    lines.push(`Environment=${quoted(`JSR_URL=${url}`)}`);
  }
  return lines.join("\n");
}

/** The inside path of a file of Deno or of this tree; other paths are the same. */
export function inside(path: string): string {
  if (path === Deno.execPath()) return INSIDE.deno;
  const tree = treePath("");
  return path.startsWith(tree) ? INSIDE.tree + path.slice(tree.length) : path;
}

/** A word, quoted for systemd.service(5) without expansion. */
function quoted(word: string): string {
  const escaped = word.replaceAll(/["\\]/g, "\\$&")
    .replaceAll("%", "%%").replaceAll("$", "$$$$");
  return `"${escaped}"`;
}

/** Creates the folder of a machine, which it sees below `/srv`. */
async function preparedFolder(): Promise<string> {
  const prefix = "multibinder-machine-";
  const folder = await Deno.makeTempDir({ dir: "/srv", prefix });
  await Deno.chmod(folder, 0o755);
  for (const name of ["shared", "host", "journal", "etc", "lib"]) {
    await Deno.mkdir(`${folder}/${name}`);
  }
  const targets = TARGETS.map((name) =>
    [`${name}.target`, "[Unit]\nDefaultDependencies=no\n"] as const
  );
  await writeFiles(`${folder}/lib`, Object.fromEntries(targets));
  const output = `append:${INSIDE.journal}/%n.log`;
  await writeFiles(`${folder}/etc/system`, {
    "service.d/output.conf":
      `[Service]\nStandardOutput=${output}\nStandardError=${output}\n`,
  });
  return folder;
}

async function writeFiles(
  folder: string,
  files: Record<string, string>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** The cache directory of this Deno. */
async function denoDirectory(): Promise<string> {
  const { output } = await command(Deno.execPath(), ["info", "--json"], {
    clearEnv: false,
  });
  const { denoDir }: { denoDir: string } = JSON.parse(output);
  await Deno.mkdir(denoDir, { recursive: true });
  return denoDir;
}

/** Runs a command to its end. */
async function command(
  name: string,
  args: string[],
  { clearEnv = true }: { clearEnv?: boolean } = {},
): Promise<CommandResult> {
  const child = new Deno.Command(name, {
    args,
    clearEnv,
    ...(clearEnv && {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
    }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const what = `the end of ${name} ${args.join(" ")}`;
  const { code, stdout, stderr } = await within(child.output(), what);
  const decoder = new TextDecoder();
  return {
    code,
    output: decoder.decode(stdout).trimEnd(),
    errors: decoder.decode(stderr).trimEnd(),
  };
}
