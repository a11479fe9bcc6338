/** What this project uses of `@std/path/posix/normalize`. */
export function normalize(path: string | URL): string;
