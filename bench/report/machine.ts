/** The machine and the runtime of a run. */
export interface Machine {
  /** Cores that this process may use. */
  cores: number;
  /** The name of the processor, or its architecture if the kernel has no name. */
  cpu: string;
  /** The release of the kernel. */
  kernel: string;
  /** For example x86_64-unknown-linux-gnu. */
  target: string;
  /** The version of Deno. */
  deno: string;
}

/** The machine that this program runs on. */
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
