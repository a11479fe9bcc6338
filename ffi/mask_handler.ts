/**
 * A signal handler that makes the thread it runs on hold further signals back,
 * as machine code: no function of the C library does that, and a callback of
 * Deno's cannot run on a thread that is not Deno's own.
 *
 * A handler's third argument is the state that the thread goes on with when
 * the handler has returned, its signal mask among it (sigreturn(2)).
 *
 * @module
 */
import { abiOf, UnsupportedPlatformError } from "./abi.ts";

/** An instruction of a processor. */
export interface Instruction {
  /** What an assembler takes. */
  readonly assembly: string;
  /** What it makes of that. */
  readonly bytes: readonly number[];
}

/** Four bytes, the lowest first. */
function word(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

// rdi, rsi and rdx are the arguments; a signal leaves the stack alone.
function x86_64(at: number, mask: number): Instruction[] {
  return [
    { assembly: "endbr64", bytes: [0xf3, 0x0f, 0x1e, 0xfa] },
    {
      assembly: `orl $${mask}, ${at}(%rdx)`,
      bytes: [0x81, 0x8a, ...word(at), ...word(mask)],
    },
    { assembly: "ret", bytes: [0xc3] },
  ];
}

// x0, x1 and x2 are the arguments; the first 18 registers are anybody's.
function aarch64(at: number, mask: number): Instruction[] {
  const offset = (at / 4) << 10;
  return [
    { assembly: `ldr w3, [x2, #${at}]`, bytes: word(0xb9400043 | offset) },
    { assembly: `mov w4, #${mask}`, bytes: word(0x52800004 | mask << 5) },
    { assembly: "orr w3, w3, w4", bytes: word(0x2a040063) },
    { assembly: `str w3, [x2, #${at}]`, bytes: word(0xb9000043 | offset) },
    { assembly: "ret", bytes: word(0xd65f03c0) },
  ];
}

const TARGETS: Readonly<
  Record<string, (at: number, mask: number) => Instruction[]>
> = { x86_64, aarch64 };

/**
 * The handler for a target. `mask` has a bit for each signal, the lowest for
 * signal 1; of its bits the lowest 16 may be set.
 *
 * @throws {UnsupportedPlatformError} for a target that is none of ours.
 */
export function maskHandler(arch: string, mask: number): Instruction[] {
  const { ucontext_t } = abiOf("linux", arch).layouts;
  const target = TARGETS[arch];
  if (target === undefined) {
    throw new UnsupportedPlatformError(`there is no handler for ${arch}`);
  }
  return target(ucontext_t.uc_sigmask, mask);
}
