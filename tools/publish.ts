/**
 * Publishes each package: `deno run -A tools/publish.ts [ARGUMENT...]`, with
 * the arguments of `deno publish`.
 * @module
 */

import { PACKAGE_CONFIGS } from "./package_configs.ts";
import { packageTree } from "./package_tree.ts";

// The package of both sides is last.
for (const config of PACKAGE_CONFIGS.toReversed()) {
  await using tree = await packageTree(config);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", `--config=${config}`, ...Deno.args],
    cwd: tree.directory,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) Deno.exit(1);
}
