/**
 * The arguments, the environment and the path that this process was executed
 * with, read from its memory: /proc may not be mounted, and
 * proc_pid_environ(5) is not readable for a program whose binary is executable
 * and not readable, or has file capabilities.
 *
 * @module
 */
import { abi } from "./abi.ts";
import { textAt } from "./c_string.ts";
import { libc, libcVariables } from "./libc.ts";
import { bytesAt, viewOf } from "./memory.ts";

const POINTER_SIZE = 8n;

/**
 * The kernel puts at most this many bytes between the array of the environment
 * and the strings: the auxiliary vector and a random gap of up to 8 KiB
 * (arch_align_stack).
 */
const MAX_GAP = 32n * 1024n;

function pointerAt(address: bigint): bigint {
  return viewOf(bytesAt(address, 8)).getBigUint64(0, true);
}

/** The environment as it is now, in the format of proc_pid_environ(5). */
export function environmentInMemory(): Uint8Array<ArrayBuffer> {
  return joined(pointersFrom(libcVariables().environ));
}

/**
 * The command line, in the format of proc_pid_cmdline(5); `undefined` after
 * setenv(3) has moved the environment. The initial stack has argc, the pointers
 * of argv, NULL, and the pointers of the environment (System V ABI, "Initial
 * Stack and Register State").
 */
export function argumentsInMemory(): Uint8Array<ArrayBuffer> | undefined {
  const { environ, program_invocation_name } = libcVariables();
  const entries = BigInt(pointersFrom(environ).length);
  const distance = program_invocation_name - environ;
  const limit = (entries + 1n) * POINTER_SIZE + MAX_GAP;
  if (distance < 0n || distance > limit) return undefined;
  const found: bigint[] = [];
  // The word before the last argument that is equal to their number is argc.
  for (let at = environ - 2n * POINTER_SIZE;; at -= POINTER_SIZE) {
    const word = pointerAt(at);
    if (word === BigInt(found.length)) return joined(found.reverse());
    found.push(word);
  }
}

/** The path that execve(2) was called with (getauxval(3)). */
export function executedPath(): string | undefined {
  return textAt(libc().getauxval(BigInt(abi.AT_EXECFN)));
}

function pointersFrom(array: bigint): bigint[] {
  const found: bigint[] = [];
  if (array === 0n) return found;
  for (let at = array;; at += POINTER_SIZE) {
    const pointer = pointerAt(at);
    if (pointer === 0n) return found;
    found.push(pointer);
  }
}

/** The strings one after another, each with its NUL. */
function joined(strings: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const lengths = strings.map((each) => Number(libc().strlen(each)) + 1);
  const bytes = new Uint8Array(lengths.reduce((sum, each) => sum + each, 0));
  let at = 0;
  strings.forEach((address, index) => {
    bytes.set(bytesAt(address, lengths[index]!), at);
    at += lengths[index]!;
  });
  return bytes;
}
