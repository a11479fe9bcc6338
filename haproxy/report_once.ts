import type { Report } from "../supervisor/report.ts";

/** Reports each line the first time only. */
export function reportOnce(report: Report): Report {
  const reported = new Set<string>();
  return (line) => {
    if (reported.has(line)) return;
    reported.add(line);
    report(line);
  };
}
