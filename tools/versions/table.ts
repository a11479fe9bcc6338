/**
 * The table of docs/compatibility.md.
 * @module
 */

import { denoOutput } from "../folder_registry/deno_command.ts";
import { FAULTS } from "./selection.ts";

/** The test results of a version of Deno. */
export interface VersionResult {
  version: string;
  passed: number;
  failed: number;
  /** Tests that fail because of a bug of Deno. */
  leftOut: number;
}

const BEGIN = "<!-- deno task test:versions --save writes from here -->";
const END = "<!-- to here -->";

/** Puts a run's results between the two marks of a page. */
export async function writeTable(
  path: string,
  results: readonly VersionResult[],
): Promise<void> {
  const page = await Deno.readTextFile(path);
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) {
    throw new Error(`${path} has no marks for the table: ${BEGIN} ${END}`);
  }
  const before = page.slice(0, begin + BEGIN.length);
  await Deno.writeTextFile(
    path,
    `${before}\n\n${tableOf(results)}\n\n${page.slice(end)}`,
  );
  await denoOutput(["fmt", "--quiet", path], { cwd: "." });
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function tableOf(results: readonly VersionResult[]): string {
  const columns = ["Deno", "passed", "failed", "left out", "because"];
  return [
    row(columns),
    row(columns.map(() => "---")),
    ...results.map(({ version, passed, failed, leftOut }) =>
      row([
        version,
        passed,
        failed,
        leftOut,
        FAULTS.filter(({ versions }) => versions.includes(version))
          .map(({ reason }) => reason).join("; "),
      ])
    ),
  ].join("\n");
}
