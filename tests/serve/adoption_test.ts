import { assert, assertEquals, assertThrows } from "@std/assert";
import { serve } from "../../client/binding/serve.ts";
import {
  type Adoption,
  AdoptionError,
  openOnSocket,
  type Step,
  STEPS,
  type Steps,
} from "../../ffi/sockets/adopt.ts";
import { isNonblocking } from "../../ffi/files/descriptor.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { Program } from "../support/program.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { treePath } from "../support/tree.ts";
import { get } from "../support/serve/http_connection.ts";
import { listeningTcp } from "../support/serve/sockets.ts";

const NAMES = Object.keys(STEPS) as (keyof Steps)[];

function withStep(name: keyof Steps, step: Step): Steps {
  return { ...STEPS, [name]: step };
}

/** A step that fails before or after it acts. */
function failing(name: keyof Steps, when: "before" | "after"): Steps {
  return withStep(name, (adoption, undo) => {
    if (when === "after") STEPS[name](adoption, undo);
    throw new Error("told to by a test");
  });
}

/** The registrations in the epoll instances of this process. */
async function registrations(): Promise<string[]> {
  const found: string[] = [];
  for (const [fd, target] of await descriptorsOf(Deno.pid)) {
    if (!target.includes("eventpoll")) continue;
    const text = await Deno.readTextFile(`/proc/self/fdinfo/${fd}`);
    found.push(...text.split("\n").filter((line) => line.startsWith("tfd:")));
  }
  return found;
}

for (const name of NAMES) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`a failed step leaves no descriptor and no registration: ${name}, ${when} it acts`, async () => {
      await withoutLeak(async () => {
        using web = listeningTcp();
        const error = assertThrows(
          () => serve(web, () => new Response(), {}, failing(name, when)),
          AdoptionError,
          `${name}: told to by a test`,
        );
        assertEquals(error.step, name);
        await using _server = web.serve(() => new Response("the next try"));
        assertEquals((await get(web)).body, "the next try");
      });
    });

    Deno.test(`Deno's listener accepts again after a failed step: ${name}, ${when} it acts`, async () => {
      using web = listeningTcp();
      let listener: Deno.TcpListener | undefined;
      assertThrows(
        () =>
          openOnSocket(
            web.fd,
            () => listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }),
            () => {},
            failing(name, when),
          ),
        AdoptionError,
      );
      const accepted = listener!.accept();
      using _client = await Deno.connect({ port: listener!.addr.port });
      (await accepted).close();
      listener!.close();
    });
  }
}

const LIES: [keyof Steps, string, (adoption: Adoption) => void][] = [
  ["locate", "watch", (adoption) => adoption.listener = 0],
  ["locate", "watch", (adoption) => adoption.listener = 1 << 20],
  ["watch", "withdraw", (adoption) => adoption.watchers = [0]],
];

for (const [step, refused, lie] of LIES) {
  Deno.test(`an error of ${step} is detected by ${refused}`, async () => {
    await withoutLeak(async () => {
      using web = listeningTcp();
      const steps = withStep(step, (adoption, undo) => {
        STEPS[step](adoption, undo);
        lie(adoption);
      });
      const error = assertThrows(
        () => serve(web, () => new Response(), {}, steps),
        AdoptionError,
      );
      assertEquals(error.step, refused);
      await Promise.resolve();
    });
  });
}

Deno.test("a listener that a second epoll instance watches is not replaced", async () => {
  const { Interest, Poller } = await import("../../ffi/files/poller.ts");
  await withoutLeak(async () => {
    using web = listeningTcp();
    using poller = new Poller();
    const steps = withStep("watch", (adoption, undo) => {
      poller.add(adoption.listener, Interest.READ);
      STEPS.watch(adoption, undo);
    });
    const error = assertThrows(
      () => serve(web, () => new Response(), {}, steps),
      AdoptionError,
      "several epoll instances",
    );
    assertEquals(error.step, "watch");
    await Promise.resolve();
  });
});

Deno.test("the adopted socket has the registration of Deno's, is close-on-exec, and is deregistered at the end", async () => {
  await withoutLeak(async () => {
    using web = listeningTcp();
    const before = await registrations();
    const server = serve(web, () => new Response("hello"), {});
    const added = (await registrations()).filter((each) =>
      !before.includes(each)
    );
    assert(added.length > 0);
    assert(isNonblocking(web.fd));
    assertEquals((await get(web)).body, "hello");
    await server.shutdown();
    const after = await registrations();
    assert(added.every((each) => !after.includes(each)), after.join("\n"));
  });
});

Deno.test("DENO_SERVE_ADDRESS does not take a server off its socket", async () => {
  await using program = Program.start(Deno.execPath(), {
    args: ["run", "-A", treePath("tests/support/serve/serve_once.ts")],
    env: { DENO_SERVE_ADDRESS: "tcp:127.0.0.2:0" },
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, output, errors }, {
    code: 0,
    output: "hello",
    errors: "",
  });
});
