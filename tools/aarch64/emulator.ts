/**
 * Emulates the processor: registers qemu's user mode as the interpreter of
 * aarch64 programs (binfmt_misc), so execve(2) runs them and a daemon can
 * re-exec.
 * @module
 */

import { candidates } from "../../ffi/processes/search_path.ts";
import { exists } from "../exists.ts";

/** Debian's two names for it: by the package qemu-user-static, and since 13. */
const NAMES = ["qemu-aarch64-static", "qemu-aarch64"];

/** The first 20 bytes of an ELF file: 64 bits, little-endian, EM_AARCH64. */
const MAGIC = String
  .raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
/** Whatever ABI byte it has, executable or position-independent. */
const MASK = String
  .raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/**
 * P: argv[0] reaches the program as its caller wrote it. O: the emulator is
 * given the opened program, also where its user may not read it. F: the
 * emulator is opened now, and found from any mount namespace.
 */
const FLAGS = "POF";

/**
 * The registration, under a unique name. The kernel tries the latest
 * registration first, so the distribution's one stays unchanged.
 */
export class Emulator implements AsyncDisposable {
  readonly #entry = `multibinder-aarch64-${Deno.pid}`;
  /** A private mount: it shows the same entries, and no other program unmounts it. */
  readonly #binfmtMisc: string;

  /**
   * Variables for the emulated programs. Deno's binary signs its return
   * addresses; emulating QARMA for that takes a third of Deno's start time.
   */
  readonly env: Readonly<Record<string, string>> = {
    QEMU_CPU: "max,pauth-impdef=on",
  };

  private constructor(binfmtMisc: string) {
    this.#binfmtMisc = binfmtMisc;
  }

  /**
   * Registers the emulator.
   *
   * @throws {Error} when qemu or the kernel's binfmt_misc is missing.
   */
  static async register(): Promise<Emulator> {
    const program = await installed();
    if (program === undefined) {
      throw new Error(`${NAMES[0]} is not installed (qemu-user-static)`);
    }
    const emulator = new Emulator(await mount());
    const rule = `:${emulator.#entry}:M::${MAGIC}:${MASK}:${program}:${FLAGS}`;
    try {
      await Deno.writeTextFile(`${emulator.#binfmtMisc}/register`, rule);
    } catch (error) {
      await emulator.#unmount();
      throw error;
    }
    return emulator;
  }

  async #unmount(): Promise<void> {
    await run("umount", this.#binfmtMisc);
    await Deno.remove(this.#binfmtMisc);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.writeTextFile(`${this.#binfmtMisc}/${this.#entry}`, "-1");
    await this.#unmount();
  }
}

/** The emulator's path. */
async function installed(): Promise<string | undefined> {
  for (const path of NAMES.flatMap(candidates)) {
    if (await exists(path)) return path;
  }
  return undefined;
}

/** Where it is mounted now. */
async function mount(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "multibinder-binfmt-" });
  try {
    await run("mount", "-t", "binfmt_misc", "binfmt_misc", folder);
  } catch (error) {
    await Deno.remove(folder);
    throw error;
  }
  return folder;
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args })
    .output();
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim();
  throw new Error(`${command} ${args.join(" ")}: ${said}`);
}
