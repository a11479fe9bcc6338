import { resolve } from "@std/path/posix";
import { type FileLook, lookOf, replaceFile } from "./replaced_file.ts";

const TEMPLATE = /\.(erb|mb)$/;

/** Whether a file is rendered, by its name. */
export function isTemplate(path: string): boolean {
  return TEMPLATE.test(path);
}

/** The file that a template becomes; any other file is itself. */
export function renderedName(path: string): string {
  return path.replace(TEMPLATE, "");
}

/** A file could not be read or written. */
export class FileError extends Error {
  /** `FileError`. */
  override readonly name = "FileError";
}

/** What Deno appends to what the system says: `: readfile '/etc/x'`. */
const PATHS = /: \w+ '.*'$/s;

/** Why something was not possible, without the path that it was about. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const flag = cause instanceof Deno.errors.NotCapable &&
    /--allow-\w+/.exec(cause.message)?.[0];
  return flag ? `run again with ${flag}` : cause.message.replace(PATHS, "");
}

/** Runs `action`; its failure says what it was about. */
export function about<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new FileError(`${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** A template as it was read. */
export interface TemplateFile {
  /** As it is named on the command line. */
  name: string;
  text: string;
  look: FileLook;
}

/**
 * Reads a template, relative to HAProxy's directory if it is given one.
 *
 * @throws {FileError}
 */
export function readTemplate(
  name: string,
  directory: string | undefined,
): TemplateFile {
  const path = resolve(directory ?? ".", name);
  return about(`cannot read ${name}`, () => ({
    name,
    text: Deno.readTextFileSync(path),
    look: lookOf(path),
  }));
}

/** A configuration that a template has become. */
export class ConfigFile {
  /** Where it belongs. */
  readonly path: string;

  constructor(
    readonly template: TemplateFile,
    readonly text: string,
    directory: string | undefined,
  ) {
    this.path = resolve(directory ?? ".", renderedName(template.name));
  }

  /** How HAProxy is told of it. */
  get name(): string {
    return renderedName(this.template.name);
  }

  /**
   * Puts it where it belongs, with the template's mode and, where that is
   * possible, its owner.
   *
   * @throws {FileError}
   */
  install(): void {
    about(
      `cannot write ${this.name}`,
      () => replaceFile(this.path, this.text, this.template.look),
    );
  }

  /** Installs it unless it is there already. */
  restore(): void {
    try {
      if (Deno.readTextFileSync(this.path) === this.text) return;
    } catch {
      // Not there, or not to be read: writing it tells.
    }
    this.install();
  }
}
