/**
 * Stand-in for `@std/log/base-handler` 0.224, of which npm has no copy. Only the
 * closed-network folder registry serves it, as `@std/log`; nothing imports it by
 * path.
 * @module
 */
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
} from "./levels.ts";
import type { LogRecord } from "./logger.ts";

/** Turns a record into the line that is written. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** How a handler is set up. */
export interface BaseHandlerOptions {
  formatter?: FormatterFunction;
}

const levelAndMessage: FormatterFunction = (record) =>
  `${record.levelName} ${record.msg}`;

/** Where records go; a subclass says how a line is written. */
export abstract class BaseHandler {
  #level: LogLevel;
  formatter: FormatterFunction;

  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    this.#level = getLevelByName(levelName);
    this.formatter = options?.formatter ?? levelAndMessage;
  }

  get level(): LogLevel {
    return this.#level;
  }
  set level(level: LogLevel) {
    getLevelName(level);
    this.#level = level;
  }

  get levelName(): LevelName {
    return getLevelName(this.#level);
  }
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  handle(logRecord: LogRecord): void {
    if (logRecord.level >= this.#level) this.log(this.format(logRecord));
  }

  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  abstract log(msg: string): void;

  setup(): void {}
  destroy(): void {}

  [Symbol.dispose](): void {
    this.destroy();
  }
}
