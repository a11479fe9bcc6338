let name = "multibinder-client";

/** The program's name in help and messages. */
export function programName(): string {
  return name;
}

/** Sets the program's name. */
export function nameProgram(other: string): void {
  name = other;
}

/** A command's help, with the program's name. */
export function underName(usage: string): string {
  return usage.replace("multibinder-client", name);
}
