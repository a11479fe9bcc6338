/**
 * A dry run of publishing each package: what would be sent, its types, its
 * public interface. Against JSR, or against one on the loopback interface where
 * that does not answer.
 * @module
 */

import { jsrAnswers } from "./jsr_answers.ts";
import { loopbackJsr } from "./loopback_jsr.ts";
import { PACKAGE_CONFIGS } from "./package_configs.ts";

async function dryRun(config: string, env: Record<string, string>) {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", `--config=${config}`],
    cwd: `${import.meta.dirname}/..`,
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code !== 0) {
    console.error(`${config}: this package cannot be published, see above`);
    Deno.exit(1);
  }
}

if (await jsrAnswers()) {
  for (const config of PACKAGE_CONFIGS) await dryRun(config, {});
} else {
  await using jsr = await loopbackJsr(({ name }) =>
    Promise.reject(new Error(`a dry run wanted to publish ${name}`))
  );
  for (const config of PACKAGE_CONFIGS) await dryRun(config, { ...jsr.env });
}
