/**
 * New versions of the daemon that cannot replace the old one.
 *
 * @module
 */
import { libcPath } from "../tree.ts";
import {
  type CopiedDaemon,
  linkOrCopy,
  type SourceCopy,
} from "./copied_daemon.ts";

/** A broken new version. */
export interface BrokenVersion {
  kind: string;
  break(daemon: CopiedDaemon): Promise<void>;
  /** The reason in the log. */
  reason: RegExp;
  /** Undoes what {@linkcode repair} does not. Default: nothing. */
  undo?(daemon: CopiedDaemon): Promise<void>;
}

/** Repairs the source and the binary of a daemon. */
export async function repair(
  daemon: CopiedDaemon,
  { undo }: BrokenVersion,
): Promise<void> {
  await undo?.(daemon);
  await daemon.source.repair();
  await Deno.remove(daemon.deno, { recursive: true }).catch(() => {});
  await linkOrCopy(await Deno.realPath(Deno.execPath()), daemon.deno);
}

type Break = BrokenVersion["break"];

function source(change: (source: SourceCopy) => Promise<void>): Break {
  return (daemon) => change(daemon.source);
}

function prepended(text: string): Break {
  return source((source) => source.prepend(text));
}

/** Puts a file in place of the deno binary, which may be shared by a link. */
function binary(
  content: string | ((deno: string) => Promise<Uint8Array>),
  mode = 0o755,
): Break {
  return async ({ deno }) => {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : await content(deno);
    await Deno.remove(deno);
    await Deno.writeFile(deno, bytes, { mode });
  };
}

/** Calls a function of the C library that the daemon does not use. */
function raising(signal: number): string {
  return `
const { symbols } = Deno.dlopen(${JSON.stringify(libcPath)}, {
  raise: { parameters: ["i32"], result: "i32" },
});
symbols.raise(${signal});
`;
}

const GIB = 2 ** 30;

/** Calls of timers and promises come after the module has run. */
const LATER: readonly BrokenVersion[] = [
  {
    kind: "leaves a rejection unhandled",
    break: prepended('Promise.reject(new Error("not handled"));'),
    reason: /exited with status 1: .*not handled/s,
  },
  {
    kind: "throws in a timer",
    break: prepended('setTimeout(() => { throw new Error("too late"); });'),
    reason: /exited with status 1: .*too late/s,
  },
];

/** The size of a process's address space, in bytes (proc_pid_status(5)). */
async function addressSpace(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmSize:\s*(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** Sets a soft limit of the running daemon (prlimit(1)). */
async function limit(
  { pid }: CopiedDaemon,
  resource: string,
  soft: number | "unlimited",
): Promise<void> {
  const { success, stderr } = await new Deno.Command("prlimit", {
    args: [`--pid=${pid}`, `--${resource}=${soft}:`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(count);
  const read = await file.read(bytes);
  return bytes.subarray(0, read ?? 0);
}

const FAILS_TO_LOAD: readonly BrokenVersion[] = [
  {
    kind: "does not parse",
    break: source((source) => source.edit("server/start.ts", "{", "{ ) ")),
    reason: /exited with status 1: .*error.*start\.ts/s,
  },
  {
    kind: "misses a module",
    break: source((source) => Deno.remove(`${source.folder}/address.ts`)),
    reason: /exited with status 1: .*not found.*address\.ts/is,
  },
  {
    kind: "misses the module that is run",
    break: source((source) => Deno.remove(`${source.folder}/server.ts`)),
    reason: /exited with status 1: .*not found.*server\.ts/is,
  },
  {
    kind: "imports a missing export",
    break: source((source) =>
      source.edit(
        "server/start.ts",
        "import { BindTable }",
        "import { BindChair as BindTable }",
      )
    ),
    reason: /exited with status 1: .*BindChair/s,
  },
  {
    kind: "imports a missing package",
    break: prepended('import "jsr:@multibinder/no-such-package@^1";'),
    reason: /exited with status 1: .*no-such-package/s,
  },
  {
    kind: "has an invalid configuration",
    break: source((source) =>
      Deno.writeTextFile(`${source.folder}/deno.json`, "{")
    ),
    reason: /exited with status 1: .*deno\.json/s,
  },
  {
    kind: "throws while it loads",
    break: prepended('throw new Error("not today");'),
    reason: /exited with status 1: .*not today/s,
  },
  {
    kind: "needs a permission that it does not have",
    break: prepended('Deno.readTextFileSync("/etc/hostname");'),
    reason: /exited with status 1: .*NotCapable.*read/s,
  },
];

const ENDS_EARLY: readonly BrokenVersion[] = [
  {
    kind: "is an empty file",
    break: source((source) => source.write("")),
    reason: /exited without reading the state/,
  },
  {
    kind: "exits with 0 at once",
    break: prepended("Deno.exit(0);"),
    reason: /exited without reading the state: no output/,
  },
  {
    kind: "prints something else and exits with 0",
    break: source((source) => source.write('console.log("all is well");')),
    reason: /exited without reading the state: .*all is well/s,
  },
  {
    kind: "prints bytes that are not text",
    break: source((source) =>
      source.write(
        "Deno.stdout.writeSync(crypto.getRandomValues(new Uint8Array(65536)));",
      )
    ),
    reason: /exited without reading the state: ./,
  },
  {
    kind: "is killed by SIGKILL",
    break: prepended(raising(9)),
    reason: /killed by SIGKILL/,
  },
  {
    kind: "aborts",
    break: prepended(raising(6)),
    reason: /killed by SIGABRT/,
  },
  {
    kind: "is another program that prints its own version",
    break: source((source) => source.write('console.log("2.0.0");')),
    reason: /exited without reading the state: .*2\.0\.0/s,
  },
];

const REFUSES: readonly BrokenVersion[] = [
  {
    kind: "cannot read the state",
    break: source((source) =>
      source.edit(
        "server/reexec/state.ts",
        "let decoded: unknown;",
        'throw new StateError("that is from another age");',
      )
    ),
    reason: /exited with status 1: .*another age/s,
  },
  {
    kind: "has another format of the state",
    break: source((source) =>
      source.edit(
        "server/reexec/state.ts",
        "if (format !== 1 && format !== 2)",
        "if (format as unknown !== 3)",
      )
    ),
    reason: /exited with status 1: .*unsupported state/s,
  },
  {
    kind: "does not know an option of the command line",
    break: source((source) =>
      source.edit(
        "server/options.ts",
        '  "log-level",\n',
        "",
      )
    ),
    reason: /exited with status 2: .*log-level/s,
  },
  {
    kind: "needs a newer Deno",
    break: source((source) => source.edit("version.ts", '"2.5.7"', '"99.0.0"')),
    reason: /exited with status 1: .*multibinder needs Deno 99\.0\.0 or newer/s,
  },
];

const HAS_ANOTHER_BINARY: readonly BrokenVersion[] = [
  {
    kind: "has no deno to run it",
    break: (daemon) => Deno.remove(daemon.deno),
    reason: /cannot be started: .*ENOENT/s,
  },
  {
    kind: "has a file instead of deno that is not a program",
    break: binary("\0not a program\n"),
    reason: /cannot be started: .*ENOEXEC|exited with status/,
  },
  {
    kind: "has a deno that is not executable",
    break: binary((deno) => Deno.readFile(deno), 0o644),
    reason: /cannot be started: .*EACCES/,
  },
  {
    kind: "has an incomplete deno",
    break: binary((deno) => firstBytes(deno, 1 << 20)),
    reason: /cannot be started|was killed by|exited with status/,
  },
  {
    kind: "has an empty file instead of deno",
    break: binary(""),
    reason: /cannot be started|exited without reading the state/,
  },
  {
    kind: "has a directory instead of deno",
    break: async ({ deno }) => {
      await Deno.remove(deno);
      await Deno.mkdir(deno);
    },
    reason: /cannot be started: .*EACCES/,
  },
  {
    kind: "has a script instead of deno",
    break: binary("#!/bin/sh\necho no deno here\nexit 3\n"),
    reason: /exited with status 3: .*no deno here/,
  },
  {
    kind: "has a script instead of deno that does nothing",
    break: binary("#!/bin/sh\n"),
    reason: /exited without reading the state/,
  },
  {
    kind: "has a script without its interpreter instead of deno",
    break: binary("#!/no/such/interpreter\n"),
    reason: /cannot be started: .*ENOENT/,
  },
];

const LACKS_RESOURCES: readonly BrokenVersion[] = [
  {
    kind: "needs more memory than it may have",
    break: async (daemon) => {
      await limit(daemon, "as", await addressSpace(daemon.pid) + GIB);
      await daemon.source.prepend(`new Uint8Array(${4 * GIB});`);
    },
    reason: /was killed by SIG|exited with status 1: .*allocation failed/,
    undo: (daemon) => limit(daemon, "as", "unlimited"),
  },
];

/**
 * A limit that leaves too few descriptors for Deno. The reserve is a part of it, so
 * the rest is enough for single clients only.
 */
export const TOO_FEW_DESCRIPTORS: BrokenVersion = {
  kind: "gets too few descriptors",
  break: async (daemon) => {
    const { descriptors, clients } = await daemon.status();
    await limit(daemon, "nofile", descriptors.open - clients + 28);
  },
  reason: /Deno needs 32 descriptors to start, and the limit is \d+/,
  undo: (daemon) => limit(daemon, "nofile", 1024),
};

/** Broken versions that fail at once. */
export const BROKEN: readonly BrokenVersion[] = [
  ...FAILS_TO_LOAD,
  ...LATER,
  ...ENDS_EARLY,
  ...REFUSES,
  ...HAS_ANOTHER_BINARY,
  ...LACKS_RESOURCES,
];

/** Broken versions that do not exit. */
export const HANGING: readonly BrokenVersion[] = [
  {
    kind: "hangs while it loads",
    break: prepended("await new Promise(() => setInterval(() => {}, 1e6));"),
    reason: /did not exit within \d+ ms/,
  },
  {
    kind: "computes without end",
    break: prepended("while (true);"),
    reason: /did not exit within \d+ ms/,
  },
  {
    kind: "passes the check and does not exit",
    break: prepended(
      'console.log("multibinder check passed");\n' +
        "await new Promise(() => setInterval(() => {}, 1e6));",
    ),
    reason: /did not exit within \d+ ms: multibinder check passed/,
  },
];
