/**
 * `deno task demo:save` runs the demo and writes its table into README.md, so
 * that README shows what a run has printed.
 * @module
 */

/** The table of the demo in README.md. */
export const TABLE_IN_README = /^```text\n(requests [^]*?)^```$/m;

if (import.meta.main) {
  const project = `${import.meta.dirname}/..`;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${project}/examples/demo/demo.ts`],
    stderr: "inherit",
  }).output();
  const output = new TextDecoder().decode(stdout);
  console.log(output);
  const [, table] = /\n\n(requests [^]*)$/.exec(output) ?? [];
  if (!success || table === undefined) Deno.exit(1);
  const readme = await Deno.readTextFile(`${project}/README.md`);
  await Deno.writeTextFile(
    `${project}/README.md`,
    readme.replace(TABLE_IN_README, () => `\`\`\`text\n${table}\`\`\``),
  );
}
