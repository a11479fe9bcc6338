import { assert, assertEquals, assertMatch } from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { notified } from "../support/haproxy/notified.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

Deno.test({
  name:
    "the service manager is notified of readiness, reloads, draining, failures and the stop",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const name = scratch.join("notify");
    using manager = new NotificationSocket(name);
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      env: { NOTIFY_SOCKET: name },
    });

    const { pid } = await haproxy.ask();
    assertEquals(await notified(manager, "READY"), {
      pid: haproxy.program.pid,
      assignments: ["READY=1", `STATUS=HAProxy ${pid} serves`],
    });
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
    assert(!environment.includes("NOTIFY_SOCKET"));

    await haproxy.reload("\n<%= nope %>");
    const reloading = await notified(manager, "RELOADING=1");
    assertMatch(reloading.assignments[1]!, /^MONOTONIC_USEC=\d+$/);
    assertMatch(
      (await notified(manager, "READY=1")).assignments[1]!,
      /serves; the last reload failed: .*web\.cfg\.erb:2: ReferenceError: nope/,
    );

    await haproxy.reload(template("v2").replace("mode http", "mode htp"));
    await notified(manager, "RELOADING=1");
    assertMatch(
      (await notified(manager, "READY=1")).assignments[1]!,
      /serves; the last reload failed: HAProxy rejects the configuration: .*parsing \[\S*web\.cfg:6\] : unknown proxy mode 'htp'/,
    );

    const half = await haproxy.beginRequest();
    await haproxy.reload(template("v2"));
    await notified(manager, "RELOADING=1");
    const ready = await notified(manager, "READY=1");
    const next = await haproxy.askFor("v2");
    assertEquals(
      ready.assignments[1],
      `STATUS=HAProxy ${next} serves; still draining: ${pid}`,
    );
    await half.end();
    await notified(manager, `HAProxy ${next} serves`);

    haproxy.program.signal("SIGTERM");
    await notified(manager, "STOPPING=1");
    await haproxy.program.end();
    assertEquals(manager.receive(), undefined);
  },
});
