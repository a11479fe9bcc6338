let name = "multibinder-client";

/** What the command line calls itself in help and messages. */
export function programName(): string {
  return name;
}

/** Gives it another name, before its `main` is called. */
export function nameProgram(other: string): void {
  name = other;
}

/** A command's help, under that name. */
export function underName(usage: string): string {
  return usage.replace("multibinder-client", name);
}
