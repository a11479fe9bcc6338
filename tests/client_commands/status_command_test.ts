import { assertEquals, assertMatch } from "@std/assert";
import { statusLines } from "../../client/command/status_lines.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";

const AT = "2026-01-02T03:04:05.000Z";
const NOW = new Date(AT).getTime() + 93_780_000;

Deno.test("status has one line per subject and a table of requests", () => {
  const lines = statusLines({
    version: "1.2.3",
    pid: 42,
    deno: "2.9.6",
    started_at: AT,
    uptime_seconds: 93_780,
    generation_started_at: AT,
    generation: 3,
    control_socket: "/run/mb.sock",
    binds: 7,
    clients: 2,
    descriptors: { open: 40, limit: 1024 },
    requests: {
      bind: { requests: 1200, errors: 1 },
      list: { requests: 3, errors: 0 },
    },
    limits: {
      clients: 0,
      clients_per_user: 1000,
      binds: 500,
      request_timeout_ms: 30_000,
    },
    refused: {
      clients: 0,
      clients_per_user: 0,
      idle: 0,
      binds: 4,
      timeouts: 1,
      unread: 0,
      denied: 0,
      descriptors: 0,
    },
    memory: { resident_bytes: 50 * 1024 * 1024, heap_bytes: 1024 * 1024 },
    policy: { path: "/etc/mb.jsonc", rules: 12, loaded_at: AT },
  }, NOW);
  assertEquals(lines, [
    "version          1.2.3",
    "deno             2.9.6",
    "pid              42",
    "control socket   /run/mb.sock",
    "uptime           1d 2h",
    `started          ${AT}, 1d 2h ago`,
    `generation       3, since ${AT}, 1d 2h ago`,
    "binds            7 of at most 500",
    "clients          2",
    "descriptors      40 of at most 1024",
    "request timeout  30 s",
    "memory           50.0 MiB, JavaScript 1.0 MiB",
    "refused          4 binds over the limit, 1 requests not complete in time",
    `policy           /etc/mb.jsonc, 12 rules, loaded ${AT}, 1d 2h ago`,
    "",
    "METHOD  REQUESTS  ERRORS",
    "bind        1200       1",
    "list           3       0",
  ]);
});

Deno.test("status of an older daemon has fewer lines, of a newer one also unknown fields", () => {
  assertEquals(statusLines({ version: "0.1.0", pid: 42 }, NOW), [
    "version  0.1.0",
    "pid      42",
  ]);
  const newer = { pid: 42, colour_scheme: { sky: "blue" } };
  assertEquals(statusLines(newer, NOW), [
    "pid            42",
    'colour scheme  {"sky":"blue"}',
  ]);
  assertEquals(statusLines({ requests: {} }, NOW), ["policy  none"]);
});

Deno.test("the command status prints text, or JSON", async () => {
  await using daemon = await Daemon.start();
  const { code, output } = await runClient(daemon, ["status"]);
  assertEquals(code, 0);
  assertMatch(output, new RegExp(`^pid +${daemon.pid}$`, "m"));
  assertMatch(output, /^descriptors +\d+ of at most \d+$/m);
  const { output: json } = await runClient(daemon, ["status", "--json"]);
  assertEquals(JSON.parse(json).pid, daemon.pid);
});

Deno.test("status says when and why the policy file was rejected, and why an upgrade was abandoned", () => {
  const reason = '/etc/mb.jsonc:7:16: user "x" does not exist';
  const lines = statusLines({
    upgrades: { running: false, abandoned: 2, reason: "no such program" },
    policy: {
      path: "/etc/mb.jsonc",
      rules: 3,
      loaded_at: AT,
      rejected: { at: AT, reason },
    },
  }, NOW);
  assertEquals(lines, [
    "upgrades         2 abandoned, the last one because: no such program",
    `policy           /etc/mb.jsonc, 3 rules, loaded ${AT}, 1d 2h ago`,
    `policy rejected  ${AT}, 1d 2h ago: ${reason}`,
  ]);
});
