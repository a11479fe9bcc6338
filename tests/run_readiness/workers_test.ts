import { assertEquals } from "@std/assert";
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
    assertEquals((await service.ask()).name, "v2");
  },
});
