let name = "multibinder-client";

/** The name of this program in its help and messages. */
export function programName(): string {
  return name;
}

/** Sets the name. */
export function setProgramName(newName: string): void {
  name = newName;
}

/** The help of a command, with that name. */
export function withProgramName(usage: string): string {
  return usage.replaceAll("multibinder-client", name);
}
