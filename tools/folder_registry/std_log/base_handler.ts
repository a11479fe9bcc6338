/**
 * What this project uses of `@std/log/base-handler`. The class has all public
 * members of the real one: a subclass must not declare others of the same names.
 * @module
 */
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
} from "./levels.ts";
import type { LogRecord } from "./_log_record.ts";

type Formatter = (logRecord: LogRecord) => string;

/** Where records go; a subclass says how a line is written. */
export abstract class BaseHandler {
  #level: LogLevel;
  formatter: Formatter;

  constructor(levelName: LevelName, options?: { formatter?: Formatter }) {
    this.#level = getLevelByName(levelName);
    this.formatter = options?.formatter ??
      ((record) => `${record.levelName} ${record.msg}`);
  }

  get level(): LogLevel {
    return this.#level;
  }
  set level(level: LogLevel) {
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
