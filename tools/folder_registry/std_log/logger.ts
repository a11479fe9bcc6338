/**
 * Stand-in for `@std/log/logger` 0.224, of which npm has no copy. Only the
 * closed-network folder registry serves it, as `@std/log`; nothing imports it by
 * path.
 * @module
 */
import type { BaseHandler } from "./base_handler.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";

// deno-lint-ignore no-explicit-any -- the real type, by which a message that is a function is told apart
export type GenericFunction = (...args: any[]) => any;

/** What a record is made of. */
export interface LogRecordOptions {
  msg: string;
  args: unknown[];
  level: LogLevel;
  loggerName: string;
}

/** One message, as handlers and formatters see it. */
export class LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #time: number;

  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = options.args.slice();
    this.#time = Date.now();
  }

  get args(): unknown[] {
    return this.#args.slice();
  }

  get datetime(): Date {
    return new Date(this.#time);
  }
}

/** How a logger is set up. */
export interface LoggerOptions {
  handlers?: BaseHandler[];
}

type Message<T> = (T extends GenericFunction ? never : T) | (() => T);

/** Gives each message of its level and above to every handler. */
export class Logger {
  readonly #loggerName: string;
  #level: LogLevel;
  handlers: BaseHandler[];

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  get loggerName(): string {
    return this.#loggerName;
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

  asString(data: unknown, isProperty = false): string {
    switch (typeof data) {
      case "string":
        return isProperty ? `"${data}"` : data;
      case "function":
        return "undefined";
      case "object": {
        if (data === null) return "null";
        if (data instanceof Error) return data.stack ?? String(data);
        const properties = Object.entries(data).map(([name, value]) =>
          `"${name}":${this.asString(value, true)}`
        );
        return `{${properties.join(",")}}`;
      }
      default:
        return String(data);
    }
  }

  #dispatch<T>(level: LogLevel, msg: Message<T>, args: unknown[]) {
    const wanted = level >= this.#level;
    if (msg instanceof Function && !wanted) return undefined;
    const data = msg instanceof Function ? msg() : msg;
    if (wanted) {
      const record = new LogRecord({
        msg: this.asString(data),
        args,
        level,
        loggerName: this.#loggerName,
      });
      for (const handler of this.handlers) handler.handle(record);
    }
    return data;
  }

  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#dispatch(LogLevels.DEBUG, msg, args);
  }

  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#dispatch(LogLevels.INFO, msg, args);
  }

  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#dispatch(LogLevels.WARN, msg, args);
  }

  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#dispatch(LogLevels.ERROR, msg, args);
  }

  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(
    msg: T extends GenericFunction ? never : T,
    ...args: unknown[]
  ): T;
  critical<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#dispatch(LogLevels.CRITICAL, msg, args);
  }
}
