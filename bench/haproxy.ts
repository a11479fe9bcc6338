/**
 * HAProxy under the wrapper: how long a template with many binds takes, how
 * long a reload, and what clients notice of reloads.
 *
 *     deno run -A bench/haproxy.ts [--binds 1000] [--rounds 9] [--reloads 20] [--clients 4]
 *
 * Needs HAProxy. Rendering is measured in this program, with sockets that the
 * daemon holds already; figures are medians of the rounds. A reload takes from
 * the call until the new HAProxy accepts connections. Each client makes a
 * connection for every request, for as long as the reloads take, and then for
 * as long again without any; a request that is not answered is lost.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bind } from "../client.ts";
import { render, supervise } from "../haproxy/mod.ts";
import { machineLine, thisMachine } from "./machine.ts";
import { median, percentile } from "./measure.ts";
import { RunningServer } from "./programs.ts";
import { serverPrograms } from "./servers.ts";
import { figure, table } from "./table.ts";
import { timed } from "./timed.ts";

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

const MANY = `<% for (let n = 0; n < ${binds}; n++) { -%>
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

/** What clients saw: how long requests took, in ms, and how many were lost. */
interface Seen {
  latencies: number[];
  lost: number;
}

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
);

async function ask(port: number): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(REQUEST);
  let answer = "";
  const bytes = new Uint8Array(4096);
  const decoder = new TextDecoder();
  for (;;) {
    const length = await connection.read(bytes);
    if (length === null) break;
    answer += decoder.decode(bytes.subarray(0, length));
  }
  if (!answer.endsWith("hello")) throw new Error(`answer: ${answer}`);
}

/** Has the clients ask as long as `work` takes. */
async function underLoad(
  port: number,
  work: () => Promise<unknown>,
): Promise<Seen> {
  const seen: Seen = { latencies: [], lost: 0 };
  let isOver = false;
  const asking = Array.from({ length: clients }, async () => {
    while (!isOver) {
      try {
        seen.latencies.push(await timed(() => ask(port)));
      } catch {
        seen.lost++;
      }
    }
  });
  try {
    await work();
  } finally {
    isOver = true;
    await Promise.all(asking);
  }
  return seen;
}

function row(name: string, { latencies, lost }: Seen): string[] {
  return [
    name,
    figure(latencies.length),
    figure(percentile(latencies, 0.5), 2),
    figure(percentile(latencies, 0.99), 2),
    figure(Math.max(...latencies), 1),
    figure(lost),
  ];
}

const folder = await Deno.makeTempDir({ prefix: "multibinder-bench-" });
try {
  const [program] = await serverPrograms(["daemon"], folder);
  const sock = `${folder}/control.sock`;
  await using _daemon = await RunningServer.start(program!, sock);

  // The first round binds.
  (await render(MANY, { sock }))[Symbol.dispose]();
  const renders: number[] = [];
  for (let round = 0; round < rounds; round++) {
    renders.push(
      await timed(async () => {
        (await render(MANY, { sock }))[Symbol.dispose]();
      }),
    );
  }

  const path = `${folder}/web.cfg.erb`;
  await Deno.writeTextFile(path, WEB);
  using web = await bind("127.0.0.1", 0, { sock });
  const { port } = web.addr as Deno.NetAddr;
  await using haproxy = await supervise({
    command: ["haproxy", "-q", "-f", path],
    sock,
    report: () => {},
  });
  const times: number[] = [];
  const reloading = await underLoad(port, async () => {
    for (let turn = 0; turn < reloads; turn++) {
      times.push(await timed(() => haproxy.reload()));
    }
  });
  const duration = times.reduce((total, each) => total + each, 0);
  const steady = await underLoad(
    port,
    () => new Promise((resolve) => setTimeout(resolve, duration)),
  );

  console.log(machineLine(await thisMachine()));
  console.log(
    `\n${figure(binds)} binds rendered: ${figure(median(renders), 0)} ms ` +
      `(median of ${rounds})` +
      `\na reload under load: ${figure(median(times), 0)} ms ` +
      `(median of ${reloads}, the longest ${figure(Math.max(...times), 0)})\n`,
  );
  console.log(table(
    [
      { heading: `${clients} clients` },
      { heading: "answered", align: "right" },
      { heading: "p50 ms", align: "right" },
      { heading: "p99 ms", align: "right" },
      { heading: "longest ms", align: "right" },
      { heading: "lost", align: "right" },
    ],
    [row(`${reloads} reloads`, reloading), row("steady", steady)],
  ));
} finally {
  await Deno.remove(folder, { recursive: true });
}
