/**
 * The example units, as a machine can run them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { stagePackages } from "../../../tools/stage_packages.ts";
import { libcPath, Scratch, treePath } from "../tree.ts";
import { inside, type Machine } from "./machine.ts";

/** A user that every Debian has; the machine's own /etc is not to be written. */
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

/** Those of the daemon, by name. */
export async function exampleUnits(): Promise<Record<string, string>> {
  const units: Record<string, string> = {};
  for (const name of ["multibinder.service", "multibinder.socket"]) {
    units[name] = await exampleUnit(`systemd/${name}`);
  }
  return units;
}

/** Puts our packages where the machine sees them, and tells the services. */
export async function withPackages(
  machine: Machine,
  ...services: string[]
): Promise<void> {
  await using scratch = await Scratch.make();
  await stagePackages(scratch.join("jsr"));
  const jsr = `${machine.shared}/jsr`;
  // The @std packages are a link to a folder that the service may not see.
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

/** A port that takes a privilege, at an address that nobody else uses. */
export function privilegedAddress(): string {
  const [one, two] = crypto.getRandomValues(new Uint8Array(2));
  return `127.80.${one}.${two}:80`;
}
