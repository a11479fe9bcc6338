/**
 * HAProxy under the wrapper: how long it takes to render a template with many
 * binds, how long a reload takes, and how reloads affect clients.
 *
 *     deno run -A tools/with_jsr.ts run -A bench/haproxy.ts [--binds 1000]
 *       [--rounds 9] [--reloads 20] [--clients 4]
 *
 * The daemon holds the sockets of the template before the measured rounds. A
 * reload takes from the call until the new HAProxy accepts connections. The
 * clients make a connection for each request: during all reloads, and for the
 * same time without reloads. A request that is not answered is lost. Needs
 * HAProxy.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bind } from "../client.ts";
import { render, supervise } from "../haproxy/mod.ts";
import { machineLine, thisMachine } from "./report/machine.ts";
import { formatNumber, textTable } from "./report/text_table.ts";
import { requestDuring, type Requests, wait } from "./support/http_clients.ts";
import { median, percentile, timed } from "./support/measure.ts";
import { RunningServer } from "./support/running_server.ts";
import { DAEMON } from "./support/servers.ts";

const { values } = parseArgs({
  options: {
    binds: { type: "string", default: "1000" },
    rounds: { type: "string", default: "9" },
    reloads: { type: "string", default: "20" },
    clients: { type: "string", default: "4" },
  },
});
const binds = Number(values.binds);
const rounds = Number(values.rounds);
const reloads = Number(values.reloads);
const clients = Number(values.clients);

const MANY_BINDS = `<% for (let n = 0; n < ${binds}; n++) { -%>
  bind <%= bind_tcp(\`127.1.\${n >> 8}.\${n & 255}\`, 0) %>
<% } -%>
`;

const WEB = `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s

frontend web
  bind <%= bind_tcp('127.0.0.1', 0) %>
  http-request return status 200 content-type text/plain string "hello"
`;

async function measureRendering(sock: string): Promise<number[]> {
  const renderOnce = async () => {
    (await render(MANY_BINDS, { sock }))[Symbol.dispose]();
  };
  await renderOnce();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    times.push(await timed(renderOnce));
  }
  return times;
}

async function measureReloads(template: string, sock: string) {
  using web = await bind("127.0.0.1", 0, { sock });
  const { port } = web.addr as Deno.NetAddr;
  await using haproxy = await supervise({
    command: ["haproxy", "-q", "-f", template],
    sock,
    report: () => {},
  });
  const times: number[] = [];
  const load = { hostname: "127.0.0.1", port, clients };
  const reloading = await requestDuring(load, async () => {
    for (let turn = 0; turn < reloads; turn++) {
      times.push(await timed(() => haproxy.reload()));
    }
  });
  const duration = times.reduce((total, each) => total + each, 0);
  const steady = await requestDuring(load, () => wait(duration));
  return { times, reloading, steady };
}

function row(name: string, { latencies, lost }: Requests): string[] {
  return [
    name,
    formatNumber(latencies.length),
    formatNumber(percentile(latencies, 0.5), 2),
    formatNumber(percentile(latencies, 0.99), 2),
    formatNumber(Math.max(...latencies), 1),
    formatNumber(lost),
  ];
}

const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
try {
  const sock = `${folder}/control.sock`;
  await using _daemon = await RunningServer.start(DAEMON, sock);
  const renders = await measureRendering(sock);
  const template = `${folder}/web.cfg.erb`;
  await Deno.writeTextFile(template, WEB);
  const { times, reloading, steady } = await measureReloads(template, sock);

  console.log(machineLine(await thisMachine()));
  console.log(
    `\nto render ${formatNumber(binds)} binds: ` +
      `${formatNumber(median(renders))} ms (median of ${rounds})` +
      `\na reload under load: ${formatNumber(median(times))} ms ` +
      `(median of ${reloads}, longest ${formatNumber(Math.max(...times))})\n`,
  );
  console.log(textTable(
    [
      { heading: `${clients} clients` },
      { heading: "answered", align: "right" },
      { heading: "p50 ms", align: "right" },
      { heading: "p99 ms", align: "right" },
      { heading: "longest ms", align: "right" },
      { heading: "lost", align: "right" },
    ],
    [row(`${reloads} reloads`, reloading), row("no reload", steady)],
  ));
} finally {
  await Deno.remove(folder, { recursive: true });
}
