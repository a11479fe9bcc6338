import { BaseHandler } from "@std/log/base-handler";
import { Logger, LogRecord } from "@std/log/logger";
import { type LevelName, LogLevels } from "@std/log/levels";
import { LineWriter, type WritableLoop } from "./line_writer.ts";
import { RefusalLimit } from "./refusal_limit.ts";

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

const LEVELS = {
  info: LogLevels.INFO,
  warn: LogLevels.WARN,
  error: LogLevels.ERROR,
} as const;

/** The fields of a line: the first argument of a log call after the message. */
type Fields = Record<string, unknown>;

/** Length of a field in characters; longer text is cut. */
const MAX_FIELD = 256;

/** The same in lines of level error, which have stacks and output of programs. */
const MAX_ERROR_FIELD = 4096;

function fieldsOf({ args: [first], level }: LogRecord): [string, unknown][] {
  if (typeof first !== "object" || first === null) return [];
  const most = level >= LogLevels.ERROR ? MAX_ERROR_FIELD : MAX_FIELD;
  const fields = Object.entries(first);
  for (const field of fields) field[1] = cut(field[1], most);
  return fields;
}

function cut(value: unknown, most: number): unknown {
  if (typeof value !== "string" || value.length <= most) return value;
  return `${value.slice(0, most)}…(+${value.length - most})`;
}

function asText(record: LogRecord): string {
  let line =
    `${record.datetime.toISOString()} ${record.levelName} ${record.msg}`;
  for (const [name, value] of fieldsOf(record)) {
    line += ` ${name}=${typeof value === "string" ? quoted(value) : value}`;
  }
  return line;
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function asJson(record: LogRecord): string {
  return JSON.stringify({
    time: record.datetime.toISOString(),
    level: record.levelName.toLowerCase(),
    message: record.msg,
    ...Object.fromEntries(fieldsOf(record)),
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

const STANDARD_ERROR = 2;

/**
 * Writes the lines of one turn of the event loop to standard error at once: one
 * write for each bind would cost more than the bind.
 */
class StandardErrorHandler extends BaseHandler {
  readonly writer: LineWriter = new LineWriter(
    STANDARD_ERROR,
    (count) => this.#lineOf("log lines dropped", { count }),
  );
  #isScheduled = false;

  override log(line: string): void {
    this.writer.add(escaped(line) + "\n");
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.writer.flush();
    });
  }

  #lineOf(msg: string, fields: Fields): string {
    const level = LogLevels.WARN;
    const record = { msg, args: [fields], level, loggerName: NAME };
    return escaped(this.format(new LogRecord(record))) + "\n";
  }
}

/** Numbers of lines that are not in the log. */
export interface MissingLines {
  /** The reader of standard error was too slow, or it is closed. */
  dropped: number;
  /** Refusals over the limit of a user. */
  suppressed: number;
}

/** The daemon's log. It never waits for the reader of standard error. */
export interface Log extends Logger {
  /**
   * Logs that a request or a client is refused: at most 100 lines a second of a
   * user; then one line has the number of further ones.
   */
  refusal(
    level: "info" | "warn" | "error",
    uid: number | undefined,
    message: string,
    fields: Fields,
  ): void;
  /** Has the event loop write lines that wait for the reader. */
  attach(loop: WritableLoop): void;
  /** Stops using the event loop. */
  detach(): void;
  /**
   * Writes the lines in memory, before an exec and before the daemon ends. Waits
   * for the reader at most `patience` ms.
   */
  flush(patience?: number): void;
  /** Lines that are not in the log, for `status`. */
  missing(): MissingLines;
  /** Lines that an exec would lose. */
  unwritten(): number;
  /** Reports lines that an exec has lost. */
  addDropped(count: number): void;
}

const NAME = "multibinder";

/** Creates a log on standard error. */
export function createLog(options: LogOptions = {}): Log {
  const level = (options.level ?? "info").toUpperCase() as LevelName;
  const handler = new StandardErrorHandler(level, {
    formatter: options.format === "json" ? asJson : asText,
  });
  const logger = new Logger(NAME, level, { handlers: [handler] });
  const { writer } = handler;
  const limit = new RefusalLimit((uid, count) =>
    logger.warn("log lines suppressed", { uid: uid ?? "unknown", count })
  );
  return Object.assign(logger, {
    refusal: (
      level: "info" | "warn" | "error",
      uid: number | undefined,
      message: string,
      fields: Fields,
    ) => {
      if (logger.level > LEVELS[level]) return;
      if (limit.admit(uid)) logger[level](message, fields);
    },
    attach: (loop: WritableLoop) => writer.attach(loop),
    detach: () => writer.detach(),
    flush: (patience?: number) => {
      limit.endInterval();
      writer.flush(patience);
    },
    missing: () => ({
      dropped: writer.dropped,
      suppressed: limit.suppressed,
    }),
    unwritten: () => writer.missing,
    addDropped: (count: number) => writer.addDropped(count),
  });
}
