import { BaseHandler } from "@std/log/base-handler";
import type { LevelName } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";

/** From which severity on lines are written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** `text` for people, `json` for one JSON object a line. */
export type LogFormat = "text" | "json";

/** How the daemon logs. */
export interface LogOptions {
  /** Default: `info`. */
  level?: LogLevel;
  /** Default: `text`. */
  format?: LogFormat;
}

/** What a line says beside its message: the first argument of a log call. */
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

// What JSON leaves as it is and a terminal or a log viewer acts on: DEL, the C1
// controls and the line separators of Unicode.
const ACTIVE = /[\u007f-\u009f\u2028\u2029]/g;

function escaped(line: string): string {
  return line.replace(
    ACTIVE,
    (each) => "\\u" + each.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

const encoder = new TextEncoder();

/**
 * Writes to standard error what came up in one turn of the event loop at
 * once: a write a bind would cost more than the bind.
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
      // A log that nobody reads any more is no reason to stop serving.
    }
  }
}

/** The daemon's log. */
export interface Log extends Logger {
  /** Writes what is still in memory: before an exec and before the end. */
  flush(): void;
}

/** A logger on standard error. */
export function createLog(options: LogOptions = {}): Log {
  const level = (options.level ?? "info").toUpperCase() as LevelName;
  const handler = new StandardErrorHandler(level, {
    formatter: options.format === "json" ? asJson : asText,
  });
  const logger = new Logger("multibinder", level, { handlers: [handler] });
  return Object.assign(logger, { flush: () => handler.flush() });
}
