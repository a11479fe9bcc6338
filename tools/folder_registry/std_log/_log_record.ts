/**
 * The record of `@std/log/logger`, which its handlers need too.
 * @module
 */
import { getLevelName, type LogLevel } from "./levels.ts";

/** One message, as handlers and formatters see it. */
export class LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #time = Date.now();

  constructor(
    options: {
      msg: string;
      args: unknown[];
      level: LogLevel;
      loggerName: string;
    },
  ) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
  }

  get args(): unknown[] {
    return [...this.#args];
  }

  get datetime(): Date {
    return new Date(this.#time);
  }
}
