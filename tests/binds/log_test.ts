import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { ask, requestText } from "../support/raw_connection.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ISO_8601 = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

const US = `pid=${Deno.pid} uid=${Deno.uid()} gid=${Deno.gid()}`;
const GRANTED = 'decision=granted rule="no policy"';

Deno.test("each bind is logged with its client", async () => {
  await using daemon = await Daemon.start();
  for (const isNew of [true, false]) {
    using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    const line = await daemon.program.errors.next("bind granted");
    const said =
      `INFO bind granted address=127.0.0.1:0 new=${isNew} ${US} ${GRANTED}`;
    assertMatch(line, new RegExp(`^${ISO_8601} ${said}$`));
  }
});

Deno.test("with --log-format json each bind is logged as one JSON object", async () => {
  await using daemon = await Daemon.start({ args: ["--log-format", "json"] });
  using _web = await bind(":0", { sock: daemon.sock });
  const line = await daemon.program.errors.next("bind granted");
  const { time, ...fields } = JSON.parse(line);
  assertMatch(time, new RegExp(`^${ISO_8601}$`));
  assertEquals(fields, {
    level: "info",
    message: "bind granted",
    address: ":0",
    new: true,
    pid: Deno.pid,
    uid: Deno.uid(),
    gid: Deno.gid(),
    decision: "granted",
    rule: "no policy",
  });
});

Deno.test("a failed bind is logged with its reason", async () => {
  await using daemon = await Daemon.start({ args: ["--log-format", "json"] });
  await bind("192.0.2.1", 0, { sock: daemon.sock }).then(
    (web) => web.close(),
    () => {},
  );
  const line = await daemon.program.errors.next("request failed");
  const { code, reason } = JSON.parse(line);
  assertEquals(code, 10000);
  assertMatch(reason, /^Could not bind: bind 192\.0\.2\.1:0: .*EADDRNOTAVAIL/);
});

Deno.test("control characters from a client are escaped in the log", async () => {
  await using daemon = await Daemon.start();
  const method = "a\nb\rc\u001b[2Jd\u009b2J";
  await ask(daemon.sock, requestText(1, method));
  const { errors } = await daemon.stop();
  for (const line of errors.trimEnd().split("\n")) {
    assertMatch(line, new RegExp(`^${ISO_8601} (INFO|WARN) `));
    // deno-lint-ignore no-control-regex
    assertEquals(line.match(/[\x00-\x1f\x7f-\x9f]/g), null);
  }
});

Deno.test("with --log-level warn binds are not logged", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  {
    using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  }
  const { errors } = await daemon.stop();
  assert(!errors.includes("INFO"), errors);
  assert(!errors.includes("127.0.0.1"), errors);
});

Deno.test("the log has the credentials of the process that connected", {
  ignore: Deno.uid() !== 0 || await lacks("ruby", "setpriv"),
}, async () => {
  await using scratch = await Scratch.make();
  await Deno.chmod(scratch.path, 0o755);
  const client = scratch.join("client.rb");
  await Deno.copyFile(treePath("tests/support/programs/client.rb"), client);
  await Deno.chmod(client, 0o644);
  const sock = scratch.join("control.sock");
  const args = ["--mode", "0666", "--log-format", "json"];
  await using daemon = await Daemon.start({ sock, args });
  const nobody = ["--reuid=65534", "--regid=65533", "--clear-groups"];
  await using peer = Program.start("setpriv", {
    args: [...nobody, "ruby", client, sock, "127.0.0.1", "0"],
  });
  const { pid } = peer;
  const line = JSON.parse(await daemon.program.errors.next("bind granted"));
  assertEquals([line.pid, line.uid, line.gid], [pid, 65534, 65533]);
  assertEquals((await peer.end()).code, 0);
});
