const STRING = /(["'`])(?:\\.|(?!\1)[^\\])*\1/.source;
const COMMENT = /\/\/.*|\/\*[\s\S]*?\*\//.source;

/** JavaScript, or what is meant to be, without comments and what strings say. */
export function bareCode(code: string): string {
  return code.replace(
    new RegExp(`${STRING}|${COMMENT}`, "g"),
    (_, quote?: string) => quote === undefined ? "" : '""',
  );
}
