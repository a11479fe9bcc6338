/**
 * Stand-in for `@std/log/levels` 0.224, of which npm has no copy: the names this
 * project uses, with the same behaviour and types. Only the closed-network
 * folder registry serves it, as `@std/log`; nothing imports it by path.
 * @module
 */

/** The number of each level, ascending with its importance. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** The name of a level. */
export type LevelName = keyof typeof LogLevels;

/** The number of a level. */
export type LogLevel = typeof LogLevels[LevelName];

/** All names, ascending. */
export const LogLevelNames: LevelName[] = [
  "NOTSET",
  "DEBUG",
  "INFO",
  "WARN",
  "ERROR",
  "CRITICAL",
];

/** The number of the level called `name`. */
export function getLevelByName(name: LevelName): LogLevel {
  if (!Object.hasOwn(LogLevels, name)) {
    throw new Error(`Cannot get log level: no level named ${name}`);
  }
  return LogLevels[name];
}

/** The name of the level numbered `level`. */
export function getLevelName(level: LogLevel): LevelName {
  const name = LogLevelNames.find((each) => LogLevels[each] === level);
  if (name === undefined) {
    throw new Error(`Cannot get log level: no name for level: ${level}`);
  }
  return name;
}
