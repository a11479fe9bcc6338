/**
 * What a figure was measured on: without it no figure means anything.
 *
 * @module
 */

/** The machine and the runtime of a measurement. */
export interface Machine {
  /** Cores that this process may run on. */
  cores: number;
  /** The processor's name, or its architecture where the kernel tells no name. */
  cpu: string;
  /** The kernel's release. */
  kernel: string;
  /** The target as Deno names it. */
  target: string;
  /** Deno's version. */
  deno: string;
}

/** The machine this runs on. */
export async function thisMachine(): Promise<Machine> {
  const cpuinfo = await Deno.readTextFile("/proc/cpuinfo");
  const name = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1];
  return {
    cores: navigator.hardwareConcurrency,
    cpu: name ?? Deno.build.arch,
    kernel: Deno.osRelease(),
    target: Deno.build.target,
    deno: Deno.version.deno,
  };
}

/** The machine in one line. */
export function machineLine(machine: Machine): string {
  const cores = machine.cores === 1 ? "1 core" : `${machine.cores} cores`;
  return `${machine.cpu}, ${cores}, Linux ${machine.kernel}, ` +
    `Deno ${machine.deno} (${machine.target})`;
}
