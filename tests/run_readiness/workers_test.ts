import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

Deno.test({
  name:
    "--ready http: workers with sockets of their own are ready at first, at a reload, and when one is added",
  ignore: await lacks(PYTHON),
  fn: async () => {
    await using service = await Supervised.start(
      { name: "v1" },
      { options: ["--ready", "http:/", "--workers", "3"] },
    );
    for (let worker = 0; worker < 3; worker++) {
      await service.says("generation 1: ready");
    }
    service.program.signal("SIGTTIN");
    await service.says("4 workers");
    await service.reload({ name: "v2" });
    for (let worker = 0; worker < 4; worker++) {
      await service.says(`worker ${worker}: generation 2: ready`);
    }
    // An old process accepts until it has ended.
    await eventually(
      () => `the end of generation 1:\n${service.program.errors.text}`,
      () =>
        [0, 1, 2, 3].every((worker) =>
          service.program.errors.text.includes(
            `worker ${worker}: generation 1: process`,
          )
        ),
    );
    assertEquals((await service.ask()).name, "v2");
  },
});
