const STRING = /(["'`])(?:\\.|(?!\1)[^\\])*\1/.source;
const COMMENT = /\/\/.*|\/\*[\s\S]*?\*\//.source;

/** Code, which may be invalid, without comments and with empty strings. */
export function bareCode(code: string): string {
  return code.replace(
    new RegExp(`${STRING}|${COMMENT}`, "g"),
    (_, quote?: string) => quote === undefined ? "" : '""',
  );
}
