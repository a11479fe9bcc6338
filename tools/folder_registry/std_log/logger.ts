/**
 * What this project uses of `@std/log/logger`. The classes have all public
 * members of the real ones: what extends them must not declare others of the
 * same names.
 * @module
 */
import { LogRecord } from "./_log_record.ts";
import type { BaseHandler } from "./base_handler.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";

// deno-lint-ignore no-explicit-any -- the real type, by which a message that is a function is told apart
type AnyFunction = (...args: any[]) => any;
type Message<T> = T extends AnyFunction ? never : T;

export { LogRecord };

/** Gives each message of its level and above to every handler. */
export class Logger {
  #level: LogLevel;
  handlers: BaseHandler[];
  readonly #loggerName: string;

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: { handlers?: BaseHandler[] } = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
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

  get loggerName(): string {
    return this.#loggerName;
  }

  #log<T>(level: LogLevel, msg: Message<T> | (() => T), args: unknown[]) {
    const isWanted = level >= this.#level;
    if (msg instanceof Function && !isWanted) return undefined;
    const said = msg instanceof Function ? msg() : msg;
    if (isWanted) {
      const record = new LogRecord({
        // The real class also formats objects; messages of this project are text.
        msg: String(said),
        args,
        level,
        loggerName: this.#loggerName,
      });
      for (const handler of this.handlers) handler.handle(record);
    }
    return said;
  }

  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: Message<T>, ...args: unknown[]): T;
  debug<T>(msg: Message<T> | (() => T), ...args: unknown[]) {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: Message<T>, ...args: unknown[]): T;
  info<T>(msg: Message<T> | (() => T), ...args: unknown[]) {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: Message<T>, ...args: unknown[]): T;
  warn<T>(msg: Message<T> | (() => T), ...args: unknown[]) {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: Message<T>, ...args: unknown[]): T;
  error<T>(msg: Message<T> | (() => T), ...args: unknown[]) {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(msg: Message<T>, ...args: unknown[]): T;
  critical<T>(msg: Message<T> | (() => T), ...args: unknown[]) {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }
}
