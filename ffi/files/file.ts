/**
 * Accesses files through libc, so the program needs no file permissions of
 * Deno.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString, losslessCString } from "../libc/c_string.ts";
import { Descriptor } from "./descriptor.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { sleepSync } from "./readiness.ts";

// A name may begin with U+FEFF.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** open(2) for reading, close-on-exec. */
export function openFile(path: string, flags = 0): Descriptor {
  const fd = libc().open(
    cString(path),
    abi.O_RDONLY | abi.O_CLOEXEC | flags,
    0,
  );
  return new Descriptor(check(fd, "open", path));
}

/** The bytes from the descriptor's offset to the end. */
export function readAll(fd: number, subject = ""): Uint8Array<ArrayBuffer> {
  const read = (room: Uint8Array<ArrayBuffer>) =>
    libc().read(fd, room, BigInt(room.length));
  return readThrough(read, { subject });
}

function readThrough(
  read: (room: Uint8Array<ArrayBuffer>, at: number) => bigint,
  { guess = 16 * 1024, subject = "" } = {},
): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(guess);
  let length = 0;
  while (true) {
    if (length === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2);
      larger.set(bytes);
      bytes = larger;
    }
    const count = Number(read(bytes.subarray(length), length));
    if (count === 0) return bytes.subarray(0, length);
    if (count > 0) {
      length += count;
    } else {
      const errno = lastErrno();
      if (errno !== Errno.EINTR) throw new OsError("read", errno, subject);
    }
  }
}

/** Reads a whole file, also a file of /proc, whose size is reported as 0. */
export function readFile(path: string): Uint8Array<ArrayBuffer> {
  using file = openFile(path);
  return readAll(file.fd, path);
}

/** Writes a text to a file that exists. */
export function writeFile(path: string, text: string): void {
  const flags = abi.O_WRONLY | abi.O_CLOEXEC;
  using file = new Descriptor(
    check(libc().open(cString(path), flags, 0), "open", path),
  );
  writeAll(file.fd, encoder.encode(text));
}

/** Writes all of `bytes`. */
export function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>): void {
  let rest = bytes;
  while (rest.length > 0) {
    const count = Number(libc().write(fd, rest, BigInt(rest.length)));
    if (count >= 0) {
      rest = rest.subarray(count);
    } else {
      const errno = lastErrno();
      if (errno !== Errno.EINTR) throw new OsError("write", errno);
    }
  }
}

/**
 * access(2): passes when the file may be executed, with the rights that execve(2)
 * goes by.
 *
 * @throws {OsError} ENOENT, EACCES, ENOTDIR.
 */
export function checkExecutable(path: string): void {
  check(tryExecutable(path), "access", path);
}

/** Whether a file exists and may be executed (access(2)). */
export function isExecutable(path: string): boolean {
  return tryExecutable(path) === 0;
}

function tryExecutable(path: string): number {
  const { AT_FDCWD, X_OK, AT_EACCESS } = abi;
  return libc().faccessat(AT_FDCWD, losslessCString(path), X_OK, AT_EACCESS);
}

/** unlink(2). */
export function unlink(path: string): void {
  check(libc().unlink(cString(path)), "unlink", path);
}

/** rename(2): atomically replaces the file at `to`. */
export function rename(from: string, to: string): void {
  check(libc().rename(cString(from), cString(to)), "rename", `${from} ${to}`);
}

/** The identity of a file: its device and inode. */
export interface FileIdentity {
  /** The device, `major:minor`. */
  device: string;
  /** The inode on it, in decimal. */
  inode: string;
}

/** The status of a file (statx(2)). */
export interface FileStatus extends FileIdentity {
  /** `st_mode`: kind and permissions. */
  mode: number;
  /** The user it belongs to. */
  uid: number;
  /** The number of hard links. */
  links: number;
  /** Whether it is a socket. */
  isSocket: boolean;
}

/**
 * The status of a path, without following a symbolic link; `undefined` when the
 * path does not exist. Unlike stat(2), statx(2) has the same layout on every
 * target.
 */
export function statusOf(path: string): FileStatus | undefined {
  return status(abi.AT_FDCWD, path, abi.AT_SYMLINK_NOFOLLOW);
}

/** The status of the file that a descriptor refers to. */
export function statusOfDescriptor(fd: number): FileStatus {
  const found = status(fd, "", abi.AT_EMPTY_PATH);
  if (found === undefined) throw new OsError("statx", Errno.ENOENT, `${fd}`);
  return found;
}

/**
 * Sets the permissions of an open file (chmod(2)).
 *
 * @throws {OsError} EPERM for another user's file, EROFS, ...
 */
export function setModeOf(fd: number, mode: number): void {
  const link = `/proc/self/fd/${fd}`;
  check(libc().chmod(cString(link), mode), "chmod", link);
}

function status(
  directory: number,
  path: string,
  flags: number,
): FileStatus | undefined {
  const layout = abi.layouts.statx;
  const bytes = new Uint8Array(layout.size);
  const result = libc().statx(
    directory,
    cString(path),
    flags,
    abi.STATX_BASIC_STATS,
    bytes,
  );
  if (result === -1) {
    const errno = lastErrno();
    if (errno === Errno.ENOENT) return undefined;
    throw new OsError("statx", errno, path);
  }
  const view = viewOf(bytes);
  const mode = view.getUint16(layout.stx_mode, true);
  const major = view.getUint32(layout.stx_dev_major, true);
  const minor = view.getUint32(layout.stx_dev_minor, true);
  return {
    device: `${major}:${minor}`,
    inode: String(view.getBigUint64(layout.stx_ino, true)),
    mode,
    uid: view.getUint32(layout.stx_uid, true),
    links: view.getUint32(layout.stx_nlink, true),
    isSocket: (mode & abi.S_IFMT) === abi.S_IFSOCK,
  };
}

/** Whether both identify the same file. */
export function sameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.device === other.device && one.inode === other.inode;
}

/** The id that leaves an owner or a group unchanged (chown(2)). */
const UNCHANGED = 0xffffffff;

/** Permissions and owner of a file; a missing field means no change. */
export interface FileAccess {
  /** Permission bits. */
  mode?: number;
  /** The user it belongs to. */
  uid?: number;
  /** The group it belongs to. */
  gid?: number;
}

/**
 * Sets permissions and owner of the socket at a path, if the path still names
 * `file`. Other files are never changed, even if other users can write the
 * directory.
 *
 * @throws {OsError} EPERM, and ENOENT when the path names another file.
 */
export function setAccess(
  path: string,
  file: FileIdentity,
  { mode, uid, gid }: FileAccess,
): void {
  using opened = openFile(path, abi.O_PATH | abi.O_NOFOLLOW);
  const found = statusOfDescriptor(opened.fd);
  if (!found.isSocket || !sameFile(found, file)) {
    throw new OsError("open", Errno.ENOENT, path);
  }
  // chown(2) may clear bits of the mode, so it comes first.
  if (uid !== undefined || gid !== undefined) {
    check(
      libc().fchownat(
        opened.fd,
        cString(""),
        uid ?? UNCHANGED,
        gid ?? UNCHANGED,
        abi.AT_EMPTY_PATH,
      ),
      "fchownat",
      path,
    );
  }
  if (mode !== undefined) {
    // fchmod(2) refuses an O_PATH descriptor, but chmod(2) accepts its path in
    // /proc.
    const link = cString(`/proc/self/fd/${opened.fd}`);
    check(libc().chmod(link, mode), "chmod", path);
  }
}

const target = new Uint8Array(abi.PATH_MAX);

/**
 * The target of a symbolic link (readlink(2)), such as `socket:[123]` for a
 * descriptor in /proc/PID/fd.
 *
 * @throws {OsError} ENOENT, EACCES, EINVAL.
 */
export function readLink(path: string): string {
  const room = BigInt(target.length);
  const length = libc().readlink(cString(path), target, room);
  return decoder.decode(target.subarray(0, check(length, "readlink", path)));
}

const resolved = new Uint8Array(abi.PATH_MAX);

/**
 * realpath(3): the path without links, `.` and `..`.
 *
 * @throws {OsError} ENOENT, EACCES, ENOTDIR, ELOOP.
 */
export function realPath(path: string): string {
  if (libc().realpath(cString(path), resolved) === 0n) {
    throw new OsError("realpath", lastErrno(), path);
  }
  return decoder.decode(resolved.subarray(0, resolved.indexOf(0)));
}

/** Runs `action` with another file mode creation mask (umask(2)). */
export function withUmask<T>(mask: number, action: () => T): T {
  const before = libc().umask(mask);
  try {
    return action();
  } finally {
    libc().umask(before);
  }
}

/** How long to wait for a lock, and how often to try, in ms. */
const LOCK_PATIENCE = 2_000;
const LOCK_INTERVAL = 20;

/**
 * Runs `action` with an exclusive lock on a directory (flock(2)). Runs it
 * without the lock when the directory is not readable, and when the wait times
 * out: any user who can read the directory can hold the lock.
 */
export function withDirectoryLock<T>(directory: string, action: () => T): T {
  const fd = libc().open(
    cString(directory),
    abi.O_RDONLY | abi.O_CLOEXEC | abi.O_DIRECTORY,
    0,
  );
  if (fd === -1) {
    const errno = lastErrno();
    if (errno !== Errno.EACCES) throw new OsError("open", errno, directory);
    return action();
  }
  using opened = new Descriptor(fd);
  const operation = abi.LOCK_EX | abi.LOCK_NB;
  for (let waited = 0; waited < LOCK_PATIENCE; waited += LOCK_INTERVAL) {
    if (libc().flock(opened.fd, operation) === 0) break;
    const errno = lastErrno();
    if (errno !== Errno.EINTR && errno !== Errno.EAGAIN) {
      throw new OsError("flock", errno, directory);
    }
    sleepSync(LOCK_INTERVAL);
  }
  return action();
}

/**
 * An anonymous file in memory (memfd_create(2)) that holds `bytes`. Its offset
 * is the beginning.
 */
export function memoryFile(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Descriptor {
  const file = new Descriptor(
    check(libc().memfd_create(cString(name), abi.MFD_CLOEXEC), "memfd_create"),
  );
  try {
    writeAll(file.fd, bytes);
    check(libc().lseek(file.fd, 0n, abi.SEEK_SET), "lseek");
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/** The initial buffer size, in bytes. */
const MEMORY_FILE_GUESS = 2 * 1024 * 1024;

/** The content of a memory file, independent of its offset (pread(2)). */
export function readMemoryFile(fd: number): Uint8Array<ArrayBuffer> {
  return readThrough(
    (room, at) => libc().pread(fd, room, BigInt(room.length), BigInt(at)),
    { guess: MEMORY_FILE_GUESS },
  );
}

const DIRENT_BUFFER = 32 * 1024;

/** The names in a directory, without `.` and `..` (getdents64(2)). */
export function namesIn(path: string): string[] {
  const layout = abi.layouts.linux_dirent64;
  using directory = openFile(path, abi.O_DIRECTORY);
  const bytes = new Uint8Array(DIRENT_BUFFER);
  const view = viewOf(bytes);
  const names: string[] = [];
  while (true) {
    const filled = check(
      libc().getdents64(directory.fd, bytes, BigInt(bytes.length)),
      "getdents64",
      path,
    );
    if (filled === 0) return names;
    for (let at = 0; at < filled;) {
      const start = at + layout.d_name;
      const name = decoder.decode(
        bytes.subarray(start, bytes.indexOf(0, start)),
      );
      if (name !== "." && name !== "..") names.push(name);
      at += view.getUint16(at + layout.d_reclen, true);
    }
  }
}
