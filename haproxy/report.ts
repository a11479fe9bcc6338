import { type Report, reporter } from "../supervisor/report.ts";

/** Writes a line to standard error. */
export const report: Report = reporter("multibinder-haproxy");
