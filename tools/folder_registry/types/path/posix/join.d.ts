/** What this project uses of `@std/path/posix/join`. */
export function join(path: string | URL, ...paths: string[]): string;
