/**
 * Makes and removes directories.
 *
 * @module
 */
import { cString, textAt } from "../libc/c_string.ts";
import { check, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory } from "../libc/memory.ts";

/**
 * Makes a new directory with mode 0700 and a name that begins with `prefix`
 * (mkdtemp(3)); returns its path.
 *
 * @throws {OsError} ENOENT, EACCES, EROFS, ...
 */
export function makeDirectory(prefix: string): string {
  using template = NativeMemory.of(cString(`${prefix}XXXXXX`));
  if (libc().mkdtemp(template.address) === 0n) {
    throw new OsError("mkdtemp", lastErrno(), prefix);
  }
  return textAt(template.address)!;
}

/** rmdir(2). */
export function removeDirectory(path: string): void {
  check(libc().rmdir(cString(path)), "rmdir", path);
}
