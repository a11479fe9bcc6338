/**
 * What this project uses of `@std/log/levels`.
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

/** The number of the level called `name`. */
export function getLevelByName(name: LevelName): LogLevel {
  const level = LogLevels[name];
  if (level === undefined) throw new Error(`no log level is called ${name}`);
  return level;
}

/** The name of the level numbered `level`. */
export function getLevelName(level: LogLevel): LevelName {
  for (const name of Object.keys(LogLevels) as LevelName[]) {
    if (LogLevels[name] === level) return name;
  }
  throw new Error(`no log level has the number ${level}`);
}
