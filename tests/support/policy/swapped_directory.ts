/**
 * Replaces a directory with a link and back while the daemon binds and releases
 * in it: the race that an attacker would try to win.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { PATIENCE } from "../eventually.ts";
import { Lines, within } from "../program.ts";
import { OpenScratch } from "../unprivileged.ts";
import { cannotBecomeOthers, startAs, WEB } from "./other_user.ts";
import { OBSERVER, PolicyDaemon } from "./policy_daemon.ts";

/** The owner of `own`; root owns `outside`. */
interface Rights {
  ownGroup: number;
  outsideGroup: number;
  outsideMode: number;
}

/** A group of the daemon that the owner is not a member of. */
const FOREIGN = 1700;
const UNDER = { under: ["setpriv", `--groups=${FOREIGN}`] };

const OUTSIDES: [where: string, rights: Rights][] = [
  ["that root alone may write", {
    ownGroup: WEB.gid,
    outsideGroup: 0,
    outsideMode: 0o755,
  }],
  ["that a group of the daemon's may write", {
    ownGroup: WEB.gid,
    outsideGroup: FOREIGN,
    outsideMode: 0o775,
  }],
  // A user's file may have a group that the user is not a member of.
  ["that the group of his own directory may write", {
    ownGroup: FOREIGN,
    outsideGroup: FOREIGN,
    outsideMode: 0o775,
  }],
];

/**
 * A user's directory `own`, in which `dir` alternates between a directory and a
 * link to `outside`, where the user cannot write.
 */
class SwappedDirectory implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #cache: OpenScratch;

  private constructor(
    readonly own: string,
    readonly outside: string,
    child: Deno.ChildProcess,
    cache: OpenScratch,
  ) {
    this.#child = child;
    this.#cache = cache;
  }

  /** Starts swapping. The policy lets the user bind in `own`. */
  static async in(
    server: PolicyDaemon,
    { ownGroup, outsideGroup, outsideMode }: Rights,
  ): Promise<SwappedDirectory> {
    const own = server.open.join("own");
    const outside = server.open.join("outside");
    for (const folder of [own, outside, `${own}/dir`]) await Deno.mkdir(folder);
    await Deno.symlink(outside, `${own}/link`);
    for (const path of [own, `${own}/dir`]) {
      await Deno.chown(path, WEB.uid, ownGroup);
    }
    await Deno.chown(outside, 0, outsideGroup);
    await Deno.chmod(outside, outsideMode);
    await server.write(
      { name: "own", user: WEB.uid, addresses: [`unix:${own}/**`] },
      OBSERVER,
    );
    await server.reread();
    const cache = await OpenScratch.make();
    const paths = [`${own}/dir`, `${own}/link`];
    const child = startAs(WEB, cache, "swapping_program.ts", ...paths);
    const swapped = new SwappedDirectory(own, outside, child, cache);
    const output = new Lines(child.stdout);
    try {
      await output.next("swapping");
    } catch (error) {
      await swapped[Symbol.asyncDispose]();
      throw error;
    }
    return swapped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await within(this.#child.status, "the end of the swapping");
    await this.#cache[Symbol.asyncDispose]();
  }
}

/** Names created in a directory while `action` ran, even if removed again. */
async function madeIn(
  folder: string,
  action: () => Promise<void>,
): Promise<string[]> {
  const watcher = Deno.watchFs(folder, { recursive: false });
  const made: string[] = [];
  const watching = (async () => {
    for await (const { kind, paths } of watcher) {
      if (kind === "create") made.push(...paths);
      if (paths.some((path) => path.endsWith("/last"))) return;
    }
  })();
  await action();
  // Events are in order: this one is the last.
  await Deno.writeTextFile(`${folder}/last`, "");
  await within(watching, "the last event of a directory");
  watcher.close();
  await Deno.remove(`${folder}/last`);
  return made.filter((path) => !path.endsWith("/last"));
}

/** Registers the tests with a minimum number of binds. */
export function testSwappedDirectory(turns: number): void {
  for (const [where, rights] of OUTSIDES) {
    testBinds(where, rights, turns);
    testReleases(where, rights, turns);
  }
}

function testBinds(where: string, rights: Rights, turns: number): void {
  Deno.test(
    `replacing a directory with a link during a bind creates no socket in a directory ${where}`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      await using server = await PolicyDaemon.start([OBSERVER], UNDER);
      const end = performance.now() + PATIENCE;
      let bound = 0;
      let refused = 0;
      let outside = "";
      const left: string[] = [];
      const made = await (async () => {
        await using swapped = await SwappedDirectory.in(server, rights);
        outside = swapped.outside;
        await using web = await server.as(WEB);
        return await madeIn(outside, async () => {
          // On a machine with one processor the swapping program may pause.
          for (
            let turn = 0;
            turn < turns || bound === 0 || refused === 0;
            turn++
          ) {
            assert(
              performance.now() < end,
              `${bound} bound, ${refused} refused`,
            );
            const path = `${swapped.own}/dir/${turn}`;
            const { answer } = await web.ask("bind", [{ path }]);
            if (answer.result === true) bound++;
            else refused++;
            await web.ask("release", [{ path }]);
          }
          left.push(...[...Deno.readDirSync(outside)].map(({ name }) => name));
        });
      })();
      assertEquals(
        [left.length, made.length],
        [0, 0],
        `left and made: ${left}`,
      );
    },
  );
}

function testReleases(where: string, rights: Rights, turns: number): void {
  Deno.test(
    `replacing a directory with a link during a release removes nothing in a directory ${where}`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      await using server = await PolicyDaemon.start([OBSERVER], UNDER);
      const end = performance.now() + PATIENCE;
      let outside = "";
      let released = 0;
      const names = Array.from(
        { length: 50 },
        (_, index) => `precious-${index}`,
      );
      {
        await using swapped = await SwappedDirectory.in(server, rights);
        outside = swapped.outside;
        for (const name of names) {
          await Deno.writeTextFile(`${outside}/${name}`, "precious");
        }
        await using web = await server.as(WEB);
        for (let turn = 0; turn < turns || released === 0; turn++) {
          assert(performance.now() < end, "none was bound and released");
          const path = `${swapped.own}/dir/${names[turn % names.length]}`;
          await web.ask("bind", [{ path }]);
          const { answer } = await web.ask("release", [{ path }]);
          if (answer.result === true) released++;
        }
      }
      const left = new Set(
        [...Deno.readDirSync(outside)].map(({ name }) => name),
      );
      const lost = names.filter((name) => !left.has(name));
      assertEquals(lost, [], `${lost.length} lost, after ${released} releases`);
    },
  );
}
