import { assert, assertEquals, assertMatch } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { cannotBecomeOthers, MAIL, WEB } from "../support/policy/other_user.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const REFUSED = 500;
/** Lines in one second, as docs/logging.md says. */
const LOGGED = 100;

Deno.test("refusals of one user are logged up to a limit, and the others are counted", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(requestText(1, "unknown").repeat(REFUSED));
  await connection.answers(REFUSED);
  const line = await daemon.program.errors.next("log lines suppressed");
  const { uid, count } =
    /WARN log lines suppressed uid=(?<uid>\d+) count=(?<count>\d+)$/
      .exec(line)!.groups!;
  assertEquals(uid, String(Deno.uid()));
  const { log } = await daemon.status();
  assert(Number(count) <= log.suppressed);
  const { errors } = await daemon.stop();
  const logged = errors.split("request failed").length - 1;
  assertEquals(logged + log.suppressed, REFUSED);
  // The requests may have taken more than one second.
  assert(logged >= LOGGED, `${logged} lines`);
});

Deno.test("suppressed lines are reported before the daemon ends", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(requestText(1, "unknown").repeat(REFUSED));
  await connection.answers(REFUSED);
  const { errors } = await daemon.stop();
  const counts = errors.matchAll(/log lines suppressed uid=\d+ count=(\d+)/g);
  const suppressed = counts.reduce((sum, [, count]) => sum + Number(count), 0);
  const logged = errors.split("request failed").length - 1;
  assertEquals(logged + suppressed, REFUSED);
});

Deno.test(
  "a flood of one user's denied requests does not hide another user's",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([OBSERVER]);
    await using flooder = await server.as(WEB);
    await using other = await server.as(MAIL);
    const denied = JSON.stringify(
      Array.from({ length: 200 }, () => JSON.parse(requestText(1, "list"))),
    );
    await flooder.send(denied);
    await other.ask("list");
    const { errors } = server.daemon.program;
    assertMatch(
      await errors.next(`uid=${MAIL.uid}`),
      /request denied .*method=list/,
    );
    assertMatch(
      await errors.next("log lines suppressed"),
      new RegExp(`uid=${WEB.uid} count=100$`),
    );
  },
);
