/** What this project uses of `@std/path/posix/basename`. */
export function basename(path: string | URL, suffix?: string): string;
