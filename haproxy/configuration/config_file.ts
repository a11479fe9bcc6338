import { resolve } from "@std/path/posix";
import {
  attributesOf,
  type FileAttributes,
  replaceFile,
} from "./replaced_file.ts";

const TEMPLATE = /\.(erb|mb)$/;

/** Whether a file is a template, by its name. */
export function isTemplate(path: string): boolean {
  return TEMPLATE.test(path);
}

/** The file that a template is rendered to; any other file is unchanged. */
export function renderedName(path: string): string {
  return path.replace(TEMPLATE, "");
}

/** A file could not be read or written. */
export class FileError extends Error {
  /** `FileError`. */
  override readonly name = "FileError";
}

/** Deno appends this to the message of the system: `: readfile '/etc/x'`. */
const PATHS = /: \w+ '.*'$/s;

/** The reason of an error, without the path that it concerns. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const flag = cause instanceof Deno.errors.NotCapable &&
    /--allow-\w+/.exec(cause.message)?.[0];
  return flag ? `run again with ${flag}` : cause.message.replace(PATHS, "");
}

/** Runs `action`, and puts `what` before the message of its error. */
export function about<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new FileError(`${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** A template that was read. */
export interface TemplateFile {
  /** Its name on the command line. */
  name: string;
  text: string;
  attributes: FileAttributes;
}

/**
 * Reads a template; `directory` is where HAProxy goes with `-C`.
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
    attributes: attributesOf(path),
  }));
}

/** A configuration file that was rendered from a template. */
export class ConfigFile {
  /** Where it is installed. */
  readonly path: string;

  constructor(
    readonly template: TemplateFile,
    readonly text: string,
    directory: string | undefined,
  ) {
    this.path = resolve(directory ?? ".", renderedName(template.name));
  }

  /** Its name on HAProxy's command line. */
  get name(): string {
    return renderedName(this.template.name);
  }

  /**
   * Writes the file, with the mode of the template and, if permitted, with its
   * owner.
   *
   * @throws {FileError}
   */
  install(): void {
    about(
      `cannot write ${this.name}`,
      () => replaceFile(this.path, this.text, this.template.attributes),
    );
  }

  /**
   * Writes the file unless it has this text.
   *
   * @throws {FileError}
   */
  restore(): void {
    try {
      if (Deno.readTextFileSync(this.path) === this.text) return;
    } catch {
      // If it cannot be written either, that error is the better one.
    }
    this.install();
  }
}
