import { reporter } from "../client/run/report.ts";

/** Writes a line to standard error. */
export const report: (line: string) => void = reporter("multibinder-haproxy");
