import { BaseHandler } from "@std/log/base-handler";
import type { LevelName } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";

/** Lowest severity that is written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Format of a line: text, or a JSON object. */
export type LogFormat = "text" | "json";

/** Options of {@linkcode createLog}. */
export interface LogOptions {
  /** @default "info" */
  level?: LogLevel;
  /** @default "text" */
  format?: LogFormat;
}

/** The fields of a line: the first argument of a log call after the message. */
type Fields = Record<string, unknown>;

function fieldsOf(record: LogRecord): Fields {
  const fields = record.args[0];
  return typeof fields === "object" && fields !== null ? fields as Fields : {};
}

function asText(record: LogRecord): string {
  let line =
    `${record.datetime.toISOString()} ${record.levelName} ${record.msg}`;
  for (const [name, value] of Object.entries(fieldsOf(record))) {
    const text = String(value);
    line += ` ${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  }
  return line;
}

function asJson(record: LogRecord): string {
  return JSON.stringify({
    time: record.datetime.toISOString(),
    level: record.levelName.toLowerCase(),
    message: record.msg,
    ...fieldsOf(record),
  });
}

// JSON does not escape DEL, the C1 controls and the line separators of Unicode,
// but terminals and log viewers act on them.
const UNESCAPED_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

function escaped(line: string): string {
  return line.replace(
    UNESCAPED_CONTROLS,
    (each) => "\\u" + each.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

const encoder = new TextEncoder();

/**
 * Writes the lines of one turn of the event loop to standard error at once: one
 * write for each bind would cost more than the bind.
 */
class StandardErrorHandler extends BaseHandler {
  #lines = "";

  override log(line: string): void {
    if (this.#lines === "") queueMicrotask(() => this.flush());
    this.#lines += escaped(line) + "\n";
  }

  flush(): void {
    let rest = encoder.encode(this.#lines);
    this.#lines = "";
    try {
      while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
    } catch {
      // A closed standard error must not stop the daemon.
    }
  }
}

/** The daemon's log. */
export interface Log extends Logger {
  /** Writes the lines in memory: before an exec and before the daemon ends. */
  flush(): void;
}

/** Creates a log on standard error. */
export function createLog(options: LogOptions = {}): Log {
  const level = (options.level ?? "info").toUpperCase() as LevelName;
  const handler = new StandardErrorHandler(level, {
    formatter: options.format === "json" ? asJson : asText,
  });
  const logger = new Logger("multibinder", level, { handlers: [handler] });
  return Object.assign(logger, { flush: () => handler.flush() });
}
