import {
  FRAMEWORKS,
  lacksFrameworks,
  timesUnderLoad,
} from "../support/activate/frameworks.ts";

const ignore = await lacksFrameworks();

for (const framework of FRAMEWORKS) {
  Deno.test({
    name:
      `examples/frameworks/${framework}.mjs, unmodified: ten reloads under load lose no request`,
    ignore,
    fn: () => timesUnderLoad(framework, 10),
  });
}
