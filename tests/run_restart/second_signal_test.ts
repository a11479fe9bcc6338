import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { hasEnded } from "../support/process_life.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

for (const second of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) {
  Deno.test({
    name:
      `${second} during a stop kills the program and its process group at once`,
    ignore,
    fn: async () => {
      await using service = await Supervised.serving(
        { name: "v1", ready: "notify", ignore: true, child: true },
        { options: ["--ready", "notify", "--grace", "10m"] },
      );
      const line = await service.program.output.next("left");
      const child = Number(line.split(" ")[1]);
      const { pid } = await service.ask();
      service.program.signal("SIGTERM");
      await service.program.output.next("ignored");
      service.program.signal(second);
      const { code, errors } = await service.program.end();
      assertEquals(code, 128 + 9);
      assertStringIncludes(
        errors,
        `killed: ${second} has arrived during the stop`,
      );
      await eventually(
        "both have ended",
        async () => await hasEnded(pid) && await hasEnded(child),
      );
    },
  });
}

Deno.test({
  name:
    "a second SIGTERM also kills what an ended program has left in its process group",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify", stubborn: true },
      { options: ["--ready", "notify", "--grace", "10m"] },
    );
    const line = await service.program.output.next("left");
    const child = Number(line.split(" ")[1]);
    service.program.signal("SIGTERM");
    await service.says("ended with exit code 0");
    service.program.signal("SIGTERM");
    await service.program.end();
    await eventually("the child has ended", () => hasEnded(child));
  },
});
