import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { childrenOf, hasEnded } from "../support/process_life.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

const OPTIONS = ["--ready", "notify", "--on-demand"];

/** Those of a generation that is running. */
const MARGIN = 10;

function openDescriptors({ program }: Supervised): number {
  return [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
}

function idleEnds({ program }: Supervised): number {
  return program.errors.text.match(/asked to end/g)?.length ?? 0;
}

Deno.test({
  name: "20 rounds of idle and wake under light load lose no request",
  ignore,
  fn: async () => {
    const idle = 200;
    await using service = await Supervised.start(undefined, {
      options: [...OPTIONS, "--idle", `${idle}ms`],
    });
    await service.says("waits for a connection");
    const descriptors = openDescriptors(service);
    let answered = 0;
    // Two clients whose requests also arrive at the moment of the end.
    const client = async () => {
      while (idleEnds(service) < 20) {
        assertEquals((await service.ask()).name, "v1");
        answered++;
        const pause = Math.random() * 4 * idle;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    };
    await Promise.all([client(), client()]);
    assert(answered >= 20);
    await eventually(
      "run has closed what it has opened",
      () => openDescriptors(service) <= descriptors + MARGIN,
    );
  },
});

Deno.test({
  name: "of 10 services on demand, of which 3 are used, only 3 run",
  ignore,
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    const services: Supervised[] = [];
    for (let index = 0; index < 10; index++) {
      const service = stack.use(
        await Supervised.start({ name: `${index}`, ready: "notify" }, {
          options: [...OPTIONS, "--idle", "10m"],
        }),
      );
      await service.says("waits for a connection");
      services.push(service);
    }
    for (const index of [1, 4, 7]) {
      assertEquals((await services[index]!.ask()).name, `${index}`);
    }
    const running = await Promise.all(
      services.map(({ program }) => childrenOf(program.pid)),
    );
    assertEquals(
      running.map(({ length }) => length),
      [0, 1, 0, 0, 1, 0, 0, 1, 0, 0],
    );
    for (const { program } of services) program.signal("SIGTERM");
    for (const pid of running.flat()) {
      await eventually(`the end of process ${pid}`, () => hasEnded(pid));
    }
  },
});
