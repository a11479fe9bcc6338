import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Answer, ErrorCode, type Status } from "../../protocol.ts";
import { serve } from "../../server.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  becoming,
  cannotBecomeOthers,
  MAIL,
  type User,
  WEB,
} from "../support/policy/other_user.ts";
import { Program } from "../support/program.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch, treePath } from "../support/tree.ts";
import { OpenScratch } from "../support/unprivileged.ts";

const STATUS = requestText(1, "status");
const ignore = cannotBecomeOthers;

/** Every user may connect. */
function withArgs(...args: string[]): { args: string[] } {
  return { args: ["--mode", "0666", ...args] };
}

async function connectAs(sock: string): Promise<RawConnection> {
  const connection = RawConnection.open(sock);
  await connection.send(STATUS);
  assertEquals((await connection.answer()).error, undefined);
  return connection;
}

async function refusal(sock: string): Promise<Answer> {
  using connection = RawConnection.open(sock);
  const [answer, ...more] = await connection.answersToEnd();
  assertEquals(more, []);
  return answer ?? {};
}

async function statusOn(connection: RawConnection): Promise<Status> {
  await connection.send(STATUS);
  return (await connection.answer()).result as Status;
}

/** A program of another user that holds connections. */
class Holder implements AsyncDisposable {
  private constructor(
    readonly program: Program,
    readonly cache: OpenScratch,
    /** "accepted" or the text of the error, for each connection. */
    readonly outcomes: string[],
  ) {}

  static async start(
    sock: string,
    user: User,
    count: number,
  ): Promise<Holder> {
    const cache = await OpenScratch.make();
    const script = treePath("tests/support/limits/many_clients.ts");
    const [command, ...args] = [
      ...becoming(user),
      ...[Deno.execPath(), "run", "-A", script, sock, String(count)],
    ];
    const program = Program.start(command!, {
      args,
      env: cache.env,
      cwd: "/",
    });
    const holder = new Holder(program, cache, []);
    while (holder.outcomes.length < count) {
      holder.outcomes.push(await program.output.next(""));
    }
    return holder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.cache[Symbol.asyncDispose]();
  }
}

/** The path is open to other users, unlike the directory of other tests. */
async function openDirectory(): Promise<Scratch> {
  const scratch = await Scratch.make();
  await Deno.chmod(scratch.path, 0o755);
  return scratch;
}

Deno.test("a client beyond --max-clients-per-user is answered 10003 and disconnected", async () => {
  await using daemon = await Daemon.start(
    withArgs("--max-clients-per-user", "2"),
  );
  using one = await connectAs(daemon.sock);
  using two = await connectAs(daemon.sock);
  for (let round = 0; round < 5; round++) {
    const { id, error } = await refusal(daemon.sock);
    assertEquals([id, error?.code], [null, ErrorCode.LIMIT_REACHED]);
    assertStringIncludes(error?.message ?? "", "--max-clients-per-user");
    assertStringIncludes(error?.message ?? "", `user ${Deno.uid()}`);
  }
  const line = await daemon.program.errors.next("clients refused");
  assertStringIncludes(line, "--max-clients-per-user");
  const { clients, limits, refused } = await statusOn(one);
  assertEquals(
    [clients, limits.clients_per_user, refused.clients_per_user],
    [2, 2, 5],
  );
  await daemon.reexec();
  assertEquals((await refusal(daemon.sock)).error?.code, 10003);
  two.endWriting();
  assertEquals(await two.next(), undefined);
  using _three = await connectAs(daemon.sock);
});

Deno.test("a user at its limit does not keep out another user", {
  ignore,
}, async () => {
  await using scratch = await openDirectory();
  await using daemon = await Daemon.start({
    sock: scratch.join("control.sock"),
    ...withArgs("--max-clients-per-user", "2"),
  });
  await using web = await Holder.start(daemon.sock, WEB, 4);
  await using mail = await Holder.start(daemon.sock, MAIL, 3);
  for (const { outcomes } of [web, mail]) {
    assertEquals(outcomes.slice(0, 2), ["accepted", "accepted"]);
    for (const outcome of outcomes.slice(2)) {
      assertStringIncludes(outcome, "--max-clients-per-user");
    }
  }
});

Deno.test(
  "by default a user gets half of --max-clients, and the daemon's user gets all",
  {
    ignore,
  },
  async () => {
    await using scratch = await openDirectory();
    await using daemon = await Daemon.start({
      sock: scratch.join("control.sock"),
      ...withArgs("--max-clients", "6"),
    });
    {
      await using web = await Holder.start(daemon.sock, WEB, 4);
      assertEquals(web.outcomes.map((each) => each === "accepted"), [
        true,
        true,
        true,
        false,
      ]);
    }
    using stack = new DisposableStack();
    let last: RawConnection;
    for (let count = 0; count < 6; count++) {
      last = stack.use(await connectAs(daemon.sock));
    }
    const { clients, refused, limits } = await statusOn(last!);
    assertEquals([clients, limits.clients_per_user], [6, 3]);
    assertEquals(refused.clients_per_user, 1);
  },
);

Deno.test(
  "the client that is idle for longest makes room for a client of another user",
  {
    ignore,
  },
  async () => {
    await using scratch = await openDirectory();
    await using daemon = await Daemon.start({
      sock: scratch.join("control.sock"),
      ...withArgs("--max-clients", "4"),
    });
    using stack = new DisposableStack();
    const inside: RawConnection[] = [];
    for (let count = 0; count < 4; count++) {
      inside.push(stack.use(await connectAs(daemon.sock)));
    }
    // The first has begun a request, so the second is idle for longest.
    await inside[0]!.send("{");
    await statusOn(inside[3]!);
    await using web = await Holder.start(daemon.sock, WEB, 1);
    assertEquals(web.outcomes, ["accepted"]);
    assertEquals(await inside[1]!.next(), undefined);
    await inside[0]!.send(STATUS.slice(1));
    assertEquals((await inside[0]!.answer()).id, 1);
    const { clients, refused } = await statusOn(inside[2]!);
    assertEquals([clients, refused.idle, refused.clients], [4, 1, 0]);
    const line = await daemon.program.errors.next("it was idle");
    assertStringIncludes(line, `uid=${Deno.uid()}`);
  },
);

Deno.test("an idle client makes room when no descriptor is left", {
  ignore: ignore || await lacks("prlimit"),
}, async () => {
  await using scratch = await openDirectory();
  await using daemon = await Daemon.start({
    sock: scratch.join("control.sock"),
    under: ["prlimit", "--nofile=128:128"],
    ...withArgs("--max-clients-per-user", "1000"),
  });
  await using web = await Holder.start(daemon.sock, WEB, 200);
  using stack = new DisposableStack();
  for (let count = 0; count < 20; count++) {
    stack.use(await connectAs(daemon.sock));
  }
  using last = await connectAs(daemon.sock);
  const { descriptors, refused } = await statusOn(last);
  assertEquals(refused.idle, 21);
  assertEquals(descriptors.limit - descriptors.open >= 32, true);
  assertEquals(web.outcomes[0], "accepted");
});

Deno.test("serve() takes maxClientsPerUser", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await using server = serve({
    path,
    maxClientsPerUser: 1,
    logLevel: "error",
  });
  using _one = await connectAs(path);
  assertEquals((await refusal(path)).error?.code, ErrorCode.LIMIT_REACHED);
  assertEquals(server.status().limits.clients_per_user, 1);
});
