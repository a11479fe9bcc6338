/**
 * Compares the open descriptors of a process before and after an action. One
 * reading is not enough: Deno opens caches and certificates for a moment, and
 * notices a disconnected client late. So a test waits until only the
 * descriptors from before are open.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect, type Session } from "../../client.ts";
import { eventually } from "./eventually.ts";
import { descriptorsOf, settled } from "./process_state.ts";

/** `19 socket:[4711]`, one for each descriptor. */
export type Open = ReadonlySet<string>;

async function openNow(pid: number): Promise<Set<string>> {
  const all = await descriptorsOf(pid);
  return new Set(Array.from(all, ([fd, target]) => `${fd} ${target}`));
}

/** The open descriptors of a Deno process. */
export async function openIn(pid: number): Promise<Open> {
  await settled(pid);
  return await openNow(pid);
}

/**
 * Waits until a process has no other descriptors than before, and `more` new
 * ones.
 */
export async function assertOpen(
  pid: number,
  before: Open,
  more = 0,
): Promise<void> {
  await settled(pid);
  let added: string[] = [];
  await eventually(
    () => `${more} descriptors more than before, but: ${added.join(", ")}`,
    async () => {
      added = [...(await openNow(pid)).difference(before)];
      return added.length === more;
    },
  );
}

/** The directory of Deno's caches. */
const DENO_DIR = Deno.env.get("DENO_DIR") ??
  `${
    Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? ""}/.cache`
  }/deno`;

/** How many descriptors of each kind: `{ socket: 3, "anon_inode:[eventpoll]": 2 }`. */
export type Kinds = Record<string, number>;

/** The kinds of open descriptors of a process, without Deno's caches. */
async function kindsNow(pid: number): Promise<Kinds> {
  const kinds: Kinds = {};
  for (const target of (await descriptorsOf(pid)).values()) {
    if (target.startsWith(DENO_DIR)) continue;
    const kind = target.replace(/:?\[\d+\]$/, "");
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(kinds).sort());
}

/** Readings that have to be equal, one after the other. */
const EQUAL_READINGS = 5;

/**
 * The kinds of open descriptors of a Deno process after they have stopped
 * changing, to compare across a re-exec.
 */
export async function openKinds(pid: number): Promise<Kinds> {
  await settled(pid);
  let last = "";
  let equal = 0;
  await eventually(() => `an end of changes: ${last}`, async () => {
    const reading = JSON.stringify(await kindsNow(pid));
    equal = reading === last ? equal + 1 : 1;
    last = reading;
    return equal === EQUAL_READINGS;
  });
  return JSON.parse(last);
}

/** Waits until a process has these numbers of open descriptors of each kind. */
export async function assertOpenKinds(
  pid: number,
  expected: Kinds,
): Promise<void> {
  await settled(pid);
  const wanted = JSON.stringify(
    Object.fromEntries(Object.entries(expected).sort()),
  );
  try {
    await eventually(
      "the kinds that were expected",
      async () => JSON.stringify(await kindsNow(pid)) === wanted,
    );
  } catch {
    assertEquals(await kindsNow(pid), expected);
  }
}

/** A daemon's process and control socket. */
interface Target {
  readonly pid: number;
  readonly sock: string;
}

/** A session, after all other clients have disconnected. */
async function onlySession({ sock }: Target): Promise<Session> {
  const session = await connect({ sock });
  await eventually(
    "a daemon without other clients",
    async () => (await session.status()).clients === 1,
  );
  return session;
}

/** {@linkcode openKinds} of a daemon with one client. */
export async function idleKinds(daemon: Target): Promise<Kinds> {
  using _session = await onlySession(daemon);
  return await openKinds(daemon.pid);
}

/** {@linkcode assertOpenKinds} of a daemon with one client. */
export async function assertIdleKinds(
  daemon: Target,
  expected: Kinds,
): Promise<void> {
  using _session = await onlySession(daemon);
  await assertOpenKinds(daemon.pid, expected);
}
