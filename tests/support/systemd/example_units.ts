/**
 * The example units, adapted to a machine.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { stagePackages } from "../../../tools/stage_packages.ts";
import { libcPath, Scratch, treePath } from "../tree.ts";
import { inside, type Machine } from "./machine.ts";

/** A user of every Debian system: /etc of a machine is read-only. */
export const USER = "daemon";

/** A unit below `examples/` with the paths and the user of the machine. */
export async function exampleUnit(path: string): Promise<string> {
  const text = await Deno.readTextFile(treePath(`examples/${path}`));
  return text.replaceAll("/usr/bin/deno", inside(Deno.execPath()))
    .replaceAll("/lib/x86_64-linux-gnu/libc.so.6", libcPath)
    .replaceAll(
      /^((?:Socket)?(?:User|Group)|SupplementaryGroups)=multibinder$/gm,
      `$1=${USER}`,
    );
}

/** The units of the daemon, by name. */
export async function exampleUnits(): Promise<Record<string, string>> {
  const units: Record<string, string> = {};
  for (const name of ["multibinder.service", "multibinder.socket"]) {
    units[name] = await exampleUnit(`systemd/${name}`);
  }
  return units;
}

/** Copies the packages into the machine and configures the services. */
export async function withPackages(
  machine: Machine,
  ...services: string[]
): Promise<void> {
  await using scratch = await Scratch.make();
  await stagePackages(scratch.join("jsr"));
  const jsr = `${machine.shared}/jsr`;
  // The @std packages are a link to a folder that the service cannot read.
  const { code } = await new Deno.Command("cp", {
    args: ["--recursive", "--dereference", scratch.join("jsr"), jsr],
    stderr: "inherit",
  }).output();
  assertEquals(code, 0);
  const dropIn = `[Service]\nEnvironment=JSR_URL=file://${jsr}/\n`;
  await machine.install(
    Object.fromEntries(
      services.map((each) => [`${each}.d/packages.conf`, dropIn]),
    ),
  );
}

/** A privileged port at an address that other tests do not use. */
export function privilegedAddress(): string {
  const [one, two] = crypto.getRandomValues(new Uint8Array(2));
  return `127.80.${one}.${two}:80`;
}
