/**
 * Looks up users and groups with the system's name services: getpwnam(3),
 * getgrnam(3) and nsswitch.conf(5).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString, textAt } from "../libc/c_string.ts";
import { errnoName, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { bytesAt, NativeMemory, viewOf } from "../libc/memory.ts";

/**
 * Look up a user's number (getpwnam_r(3)); a name of digits is the number
 * itself. It may block on a network name service.
 *
 * @returns `undefined` when the user does not exist.
 * @throws {OsError} when the lookup fails.
 */
export function userId(name: string): number | undefined {
  return idOf(name, USERS, "getpwnam_r");
}

/** Look up a group's number (getgrnam_r(3)), like {@linkcode userId}. */
export function groupId(name: string): number | undefined {
  return idOf(name, GROUPS, "getgrnam_r");
}

/** Same as {@linkcode userId}, on another thread. */
export function lookUpUser(name: string): Promise<number | undefined> {
  return idOnThread(name, USERS, "getpwnam_r");
}

/** Same as {@linkcode groupId}, on another thread. */
export function lookUpGroup(name: string): Promise<number | undefined> {
  return idOnThread(name, GROUPS, "getgrnam_r");
}

/**
 * Look up a user's name (getpwuid_r(3)). It may block.
 *
 * @returns `undefined` when the number has no name.
 * @throws {OsError} when the lookup fails.
 */
export function userName(uid: number): string | undefined {
  return userOf(uid)?.name;
}

/**
 * Look up the number of a user's primary group (getpwuid_r(3)). It may block.
 *
 * @returns `undefined` when the user does not exist.
 * @throws {OsError} when the lookup fails.
 */
export function primaryGroup(uid: number): number | undefined {
  return userOf(uid)?.group;
}

/** An account, as far as it is known. */
export interface UserAccount {
  readonly uid: number;
  readonly name: string | undefined;
  /** The number of the primary group. */
  readonly group: number | undefined;
  /** The home directory. */
  readonly home: string | undefined;
  readonly shell: string | undefined;
}

/**
 * Look up a user by name or number (getpwnam_r(3)). A number without an account is
 * a user with nothing else. It may block.
 *
 * @returns `undefined` when the user does not exist.
 * @throws {OsError} when the lookup fails.
 */
export function userAccount(user: string): UserAccount | undefined {
  const uid = userId(user);
  if (uid === undefined) return undefined;
  const found = userOf(uid);
  return {
    uid,
    name: isName(user) ? user : found?.name,
    group: found?.group,
    home: found?.home,
    shell: found?.shell,
  };
}

/**
 * The groups of a user: `gid` and those that list the user as a member
 * (getgrouplist(3)), as initgroups(3) sets them. It may block.
 */
export function groupsOf(name: string, gid: number): number[] {
  const count = new Int32Array(1);
  for (let room = 64;; room = Math.max(2 * room, count[0])) {
    const groups = new Uint32Array(room);
    count[0] = room;
    const found = libc().getgrouplist(
      cString(name),
      gid,
      new Uint8Array(groups.buffer),
      new Uint8Array(count.buffer),
    );
    if (found !== -1) return [...groups.subarray(0, found)];
  }
}

function idOf(
  name: string,
  database: Database,
  syscall: "getpwnam_r" | "getgrnam_r",
): number | undefined {
  if (!isName(name)) return numberIn(name);
  using text = NativeMemory.of(cString(name));
  const call = libc()[syscall];
  return search(
    { database, syscall, subject: name },
    ({ struct, texts, room, result }) =>
      call(text.address, struct, texts, room, result),
  )?.id;
}

async function idOnThread(
  name: string,
  database: Database,
  syscall: "getpwnam_r" | "getgrnam_r",
): Promise<number | undefined> {
  if (!isName(name)) return numberIn(name);
  using text = NativeMemory.of(cString(name));
  const call = libc()[`${syscall}_on_thread`];
  const found = await searchOnThread(
    { database, syscall, subject: name },
    ({ struct, texts, room, result }) =>
      call(text.address, struct, texts, room, result),
  );
  return found?.id;
}

function userOf(uid: number): Account | undefined {
  const { getpwuid_r } = libc();
  return search(
    { database: USERS, syscall: "getpwuid_r", subject: `${uid}` },
    ({ struct, texts, room, result }) =>
      getpwuid_r(uid, struct, texts, room, result),
  );
}

/** The largest uid or gid: chown(2) reserves (uid_t) -1. */
const MAX_ID = 0xfffffffe;

/** Whether the text can be a name: C would cut it at a NUL. */
function isName(text: string): boolean {
  return !/^\d+$/.test(text) && !text.includes("\0");
}

function numberIn(text: string): number | undefined {
  const number = Number(text);
  return number <= MAX_ID ? number : undefined;
}

/** Size and field offsets of a database's struct, in bytes. */
interface Database {
  readonly size: number;
  readonly id: number;
  readonly name: number;
  /** A user's primary group, or the group itself. */
  readonly group: number;
  readonly home?: number;
  readonly shell?: number;
}

const { passwd, group } = abi.layouts;
const USERS: Database = {
  size: passwd.size,
  id: passwd.pw_uid,
  name: passwd.pw_name,
  group: passwd.pw_gid,
  home: passwd.pw_dir,
  shell: passwd.pw_shell,
};
const GROUPS: Database = {
  size: group.size,
  id: group.gr_gid,
  name: group.gr_name,
  group: group.gr_gid,
};

interface Account {
  readonly id: number;
  readonly name: string | undefined;
  readonly group: number;
  readonly home: string | undefined;
  readonly shell: string | undefined;
}

const POINTER_SIZE = 8;

/** The memory that a lookup fills: struct, result pointer, texts. */
class Entry implements Disposable {
  readonly #memory: NativeMemory;
  readonly #database: Database;
  readonly struct: bigint;
  /** Address of the result pointer, which is NULL when nothing matches. */
  readonly result: bigint;
  readonly texts: bigint;
  /** Space for the texts, in bytes. */
  readonly room: bigint;

  constructor(database: Database, room: number) {
    const { size } = database;
    this.#database = database;
    this.#memory = new NativeMemory(size + POINTER_SIZE + room);
    this.#memory.write(new Uint8Array(size + POINTER_SIZE));
    this.struct = this.#memory.address;
    this.result = this.struct + BigInt(size);
    this.texts = this.result + BigInt(POINTER_SIZE);
    this.room = BigInt(room);
  }

  /** The account that was found, if any. */
  get account(): Account | undefined {
    const { size, id, name, group, home, shell } = this.#database;
    const result = viewOf(bytesAt(this.result, POINTER_SIZE));
    if (result.getBigUint64(0, true) === 0n) return undefined;
    const struct = viewOf(bytesAt(this.struct, size));
    const text = (at: number | undefined) =>
      at === undefined ? undefined : textAt(struct.getBigUint64(at, true));
    return {
      id: struct.getUint32(id, true),
      name: text(name),
      group: struct.getUint32(group, true),
      // An empty field means that there is none.
      home: text(home) || undefined,
      shell: text(shell) || undefined,
    };
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

interface Search {
  readonly database: Database;
  /** Part of the error message. */
  readonly syscall: string;
  readonly subject: string;
}

/** Space for the texts of an entry, in bytes: a group lists all its members. */
const FIRST_ROOM = 1024;
const LAST_ROOM = 64 * 1024 * 1024;

function search(
  asked: Search,
  call: (entry: Entry) => number,
): Account | undefined {
  for (let room = FIRST_ROOM;; room *= 2) {
    using entry = new Entry(asked.database, room);
    if (isAnswered(call(entry), asked, room)) return entry.account;
  }
}

async function searchOnThread(
  asked: Search,
  call: (entry: Entry) => Promise<number>,
): Promise<Account | undefined> {
  for (let room = FIRST_ROOM;; room *= 2) {
    using entry = new Entry(asked.database, room);
    if (isAnswered(await call(entry), asked, room)) return entry.account;
  }
}

/**
 * Decides from the errno that the lookup returned whether to retry with more
 * space.
 */
function isAnswered(
  errno: number,
  { syscall, subject }: Search,
  room: number,
): boolean {
  if (errno === 0) return true;
  switch (errnoName(errno)) {
    // getpwnam(3) lists these for a name that is not found.
    case "ENOENT":
    case "ESRCH":
      return true;
    case "ERANGE":
    case "EINTR":
      if (room < LAST_ROOM) return false;
  }
  throw new OsError(syscall, errno, subject);
}
