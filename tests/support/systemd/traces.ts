/**
 * Traces that a machine could leave on its host.
 *
 * @module
 */

/** Paths on which a machine has mounts. */
const MOUNTED = [
  "/",
  "/dev",
  "/dev/pts",
  "/dev/shm",
  "/etc/systemd",
  "/proc",
  "/proc/sys",
  "/run",
  "/sys",
  "/sys/fs/cgroup",
  "/tmp",
  "/usr/lib/systemd/system",
  "/var/cache",
  "/var/lib",
  "/var/log",
  "/var/tmp",
];

/** Kernel settings that systemd changes. */
const SETTINGS = [
  "fs/file-max",
  "fs/nr_open",
  "kernel/core_pattern",
  "kernel/hostname",
  "kernel/pid_max",
  "kernel/printk",
  "net/unix/max_dgram_qlen",
];

/** The mounts, kernel settings and names in /run, which must not change. */
export async function hostState(): Promise<string[]> {
  const mounts = (await mountLines())
    .filter((line) => MOUNTED.includes(line.split(" ")[4]!));
  const settings = await Promise.all(SETTINGS.map(async (name) => {
    const value = await Deno.readTextFile(`/proc/sys/${name}`);
    return `${name} = ${value.trim()}`;
  }));
  const names = Array.from(Deno.readDirSync("/run"), ({ name }) => name)
    .filter((name) => !name.startsWith("multibinder"));
  return [...mounts, ...settings, ...names.sort()];
}

/** Mounts, files, cgroups and processes with the name of a machine. */
export async function tracesOf(name: string): Promise<string[]> {
  const found = (await mountLines()).filter((line) => line.includes(name));
  for await (const entry of Deno.readDir("/srv")) {
    if (entry.name === name) found.push(`/srv/${name}`);
  }
  const cgroups = await new Deno.Command("unshare", {
    args: ["--mount", "--cgroup", "--propagation", "private", "sh", "-euc"]
      .concat("mount -nt cgroup2 cgroup2 /sys/fs/cgroup; ls /sys/fs/cgroup"),
    stderr: "inherit",
  }).output();
  if (new TextDecoder().decode(cgroups.stdout).includes(name)) {
    found.push(`cgroup ${name}`);
  }
  return [...found, ...await processesWith(name)];
}

async function mountLines(): Promise<string[]> {
  const text = await Deno.readTextFile("/proc/self/mountinfo");
  return text.trimEnd().split("\n");
}

/** Processes in a cgroup of that name, or with it in their command line. */
async function processesWith(name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name: pid } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const file of ["cgroup", "cmdline"]) {
      const text = await readIfThere(`/proc/${pid}/${file}`);
      if (text.includes(name)) found.push(`process ${pid}: ${text}`);
    }
  }
  return found;
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    // The process has exited.
    return "";
  }
}
