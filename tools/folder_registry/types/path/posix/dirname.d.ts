/** What this project uses of `@std/path/posix/dirname`. */
export function dirname(path: string | URL): string;
