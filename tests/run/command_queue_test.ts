import { assertEquals, assertRejects } from "@std/assert";
import {
  CommandQueue,
  GiveWay,
  type Perform,
} from "../../supervisor/command_queue.ts";

/** Records the commands that a queue performs, which end when a test says so. */
class Recorder {
  readonly events: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  /** A command that lasts until {@linkcode Recorder.end}. */
  command(name: string): Perform {
    return async (interrupted) => {
      this.events.push(`${name} begins`);
      const end = Promise.withResolvers<void>();
      this.#ends.set(name, end);
      interrupted.addEventListener("abort", () => {
        end.reject(interrupted.reason);
      });
      try {
        await end.promise;
        this.events.push(`${name} ends`);
      } catch (error) {
        const what = error instanceof GiveWay ? "gives way" : "fails";
        this.events.push(`${name} ${what}`);
        throw error;
      }
    };
  }

  end(name: string): void {
    this.#ends.get(name)!.resolve();
  }

  fail(name: string, error: Error): void {
    this.#ends.get(name)!.reject(error);
  }
}

/** Lets the queue go on to the next command. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("commands are performed one after another, also after one that failed", async () => {
  const queue = new CommandQueue();
  const recorder = new Recorder();
  const start = queue.add("start", recorder.command("start"));
  const reload = queue.add("reload", recorder.command("reload"));
  assertEquals(recorder.events, ["start begins"]);
  recorder.fail("start", new Error("no such program"));
  await assertRejects(() => start, Error, "no such program");
  await nextTurn();
  recorder.end("reload");
  await reload;
  assertEquals(recorder.events, [
    "start begins",
    "start fails",
    "reload begins",
    "reload ends",
  ]);
});

Deno.test("all requests of a name during such a command become one more command", async () => {
  const queue = new CommandQueue();
  const recorder = new Recorder();
  const add = () => queue.add("reload", recorder.command("reload"));
  const first = add();
  const others = [add(), add(), add()];
  recorder.end("reload");
  await first;
  await nextTurn();
  recorder.end("reload");
  await Promise.all(others);
  const begun = recorder.events.filter((each) => each === "reload begins");
  assertEquals(begun.length, 2);
});

Deno.test("an urgent command goes first, and the command that gives way begins again afterwards", async () => {
  const queue = new CommandQueue();
  const recorder = new Recorder();
  const reload = queue.add("reload", recorder.command("reload"));
  const other = queue.add("other", recorder.command("other"));
  const restart = queue.addUrgent("restart", recorder.command("restart"));
  await nextTurn();
  recorder.end("restart");
  await restart;
  await nextTurn();
  recorder.end("reload");
  await reload;
  await nextTurn();
  recorder.end("other");
  await other;
  assertEquals(recorder.events, [
    "reload begins",
    "reload gives way",
    "restart begins",
    "restart ends",
    "reload begins",
    "reload ends",
    "other begins",
    "other ends",
  ]);
});

Deno.test("a command may ignore that it is interrupted", async () => {
  const queue = new CommandQueue();
  const events: string[] = [];
  const end = Promise.withResolvers<void>();
  const reload = queue.add("reload", async () => {
    await end.promise;
    events.push("reload ends");
  });
  const restart = queue.addUrgent("restart", () => {
    events.push("restart");
    return Promise.resolve();
  });
  end.resolve();
  await Promise.all([reload, restart]);
  assertEquals(events, ["reload ends", "restart"]);
});

Deno.test("a queue that is closed rejects what waits, and performs the last command", async () => {
  const queue = new CommandQueue();
  const recorder = new Recorder();
  const current = queue.add("start", recorder.command("start"));
  const waiting = queue.add("reload", recorder.command("reload"));
  const closing = queue.close(
    new Error("stopped"),
    recorder.command("stop"),
  );
  await assertRejects(() => waiting, Error, "stopped");
  await assertRejects(() => current, Error, "stopped");
  const late = queue.add("reload", recorder.command("reload"));
  await assertRejects(() => late, Error, "stopped");
  await nextTurn();
  recorder.end("stop");
  await closing;
  assertEquals(recorder.events, [
    "start begins",
    "start fails",
    "stop begins",
    "stop ends",
  ]);
});

Deno.test("an idle queue that is closed performs the last command uninterrupted", async () => {
  const queue = new CommandQueue();
  await queue.close(new Error("stopped"), (interrupted) => {
    interrupted.throwIfAborted();
    return Promise.resolve();
  });
});

Deno.test("a command that gave way is rejected when the queue is closed before its turn", async () => {
  const queue = new CommandQueue();
  const recorder = new Recorder();
  const reload = queue.add("reload", recorder.command("reload"));
  const restart = queue.addUrgent("restart", recorder.command("restart"));
  await nextTurn();
  const closing = queue.close(new Error("stopped"), () => Promise.resolve());
  await assertRejects(() => reload, Error, "stopped");
  await assertRejects(() => restart, Error, "stopped");
  await closing;
});
