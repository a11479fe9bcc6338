/** The signals that end or reload a program, without `SIG`. */
export const SIGNAL_NAMES: readonly string[] = [
  "TERM",
  "INT",
  "QUIT",
  "HUP",
  "USR1",
  "USR2",
  "WINCH",
  "KILL",
];
