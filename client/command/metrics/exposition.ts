import type { Status } from "../../../protocol.ts";
import type { ListedSocket } from "../list/listing.ts";
import { selectors } from "../shown_address.ts";

/** A measured value with its labels. */
type Sample = [labels: Record<string, string>, value: number | undefined];

/** A metric: its type and samples. */
interface Family {
  name: string;
  type: "counter" | "gauge";
  help: string;
  samples: Sample[];
}

/** The text format of Prometheus: backslash, quote and line feed are escaped. */
function escapedLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

function sampleLine(name: string, [labels, value]: Sample): string[] {
  if (value === undefined) return [];
  const pairs = Object.entries(labels).map(([label, text]) =>
    `${label}="${escapedLabel(text)}"`
  );
  const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return [`${name}${set} ${value}`];
}

function familyLines({ name, type, help, samples }: Family): string[] {
  const lines = samples.flatMap((sample) => sampleLine(name, sample));
  if (lines.length === 0) return [];
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}

function seconds(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}

/** One sample for each entry, with the name of the entry as a label. */
function labelled(
  label: string,
  counts: object | undefined,
  valueOf: (count: unknown) => number | undefined = (count) => count as number,
): Sample[] {
  return Object.entries(counts ?? {}).map(([name, count]) => [
    { [label]: name },
    valueOf(count),
  ]);
}

function gauge(
  name: string,
  help: string,
  value: number | undefined,
): Family {
  return { name, type: "gauge", help, samples: [[{}, value]] };
}

function daemonFamilies(status: Partial<Status>): Family[] {
  const { version = "", deno = "", requests, refused, memory } = status;
  return [
    {
      name: "multibinder_info",
      type: "gauge",
      help: "Versions of the daemon and of Deno.",
      samples: [[{ version, deno }, 1]],
    },
    gauge(
      "multibinder_start_time_seconds",
      "Start of the first generation, in Unix time.",
      seconds(status.started_at),
    ),
    gauge(
      "multibinder_generation",
      "Number of the generation; each re-exec increments it.",
      status.generation,
    ),
    gauge(
      "multibinder_generation_start_time_seconds",
      "Start of this generation, in Unix time.",
      seconds(status.generation_started_at),
    ),
    {
      name: "multibinder_upgrades_abandoned_total",
      type: "counter",
      help: "Upgrades that this generation has abandoned.",
      samples: [[{}, status.upgrades?.abandoned]],
    },
    gauge(
      "multibinder_policy_rejected",
      "1 if the policy file was rejected and older rules are in force.",
      status.policy && (status.policy.rejected ? 1 : 0),
    ),
    gauge("multibinder_sockets", "Held sockets.", status.binds),
    gauge(
      "multibinder_sockets_limit",
      "Limit of held sockets; 0 is no limit.",
      status.limits?.binds,
    ),
    gauge("multibinder_clients", "Connected clients.", status.clients),
    gauge(
      "multibinder_clients_limit",
      "Limit of connected clients; 0 is no limit.",
      status.limits?.clients,
    ),
    gauge(
      "multibinder_open_descriptors",
      "Open descriptors.",
      status.descriptors?.open,
    ),
    gauge(
      "multibinder_open_descriptors_limit",
      "Limit of open descriptors.",
      status.descriptors?.limit,
    ),
    {
      name: "multibinder_memory_bytes",
      type: "gauge",
      help: "Resident memory, and the JavaScript heap in it.",
      samples: [
        [{ kind: "resident" }, memory?.resident_bytes],
        [{ kind: "heap" }, memory?.heap_bytes],
      ],
    },
    {
      name: "multibinder_requests_total",
      type: "counter",
      help: "Requests of this generation.",
      samples: labelled(
        "method",
        requests,
        (count) => (count as { requests?: number }).requests,
      ),
    },
    {
      name: "multibinder_request_errors_total",
      type: "counter",
      help: "Requests of this generation that were answered with an error.",
      samples: labelled(
        "method",
        requests,
        (count) => (count as { errors?: number }).errors,
      ),
    },
    {
      name: "multibinder_refused_total",
      type: "counter",
      help: "Clients and requests refused by this generation.",
      samples: labelled("reason", refused),
    },
  ];
}

/** The labels of a socket; no other socket has the same. */
function labelsOf(socket: ListedSocket): Record<string, string> {
  const { address, bound, kind } = socket;
  const { device, v6only, shard } = selectors(socket);
  return {
    address: bound ?? address,
    kind,
    ...(device !== undefined && { device }),
    ...(v6only !== undefined && { v6only: String(v6only) }),
    ...(shard !== undefined && { shard: String(shard) }),
  };
}

function socketFamilies(sockets: readonly ListedSocket[]): Family[] {
  const samples = (
    valueOf: (socket: ListedSocket) => number | undefined,
  ): Sample[] => sockets.map((socket) => [labelsOf(socket), valueOf(socket)]);
  return [
    {
      name: "multibinder_accept_queue_length",
      type: "gauge",
      help: "Connections that wait to be accepted.",
      samples: samples(({ waiting }) => waiting),
    },
    {
      name: "multibinder_accept_queue_limit",
      type: "gauge",
      help: "The limit of that queue in the kernel.",
      samples: samples(({ options }) => options.backlog),
    },
    {
      name: "multibinder_handed_out_total",
      type: "counter",
      help: "How often the socket was passed to a client.",
      samples: samples((socket) => socket.handed_out),
    },
    {
      name: "multibinder_socket_holders",
      type: "gauge",
      help: "Processes other than the daemon that hold the socket, without " +
        "those that could not be inspected.",
      samples: samples(({ holders }) => holders?.length),
    },
    gauge(
      "multibinder_uninspected_processes",
      "Processes that could not be inspected: they may hold sockets too.",
      sockets.find((each) => each.unreadable !== undefined)?.unreadable,
    ),
  ];
}

/**
 * The state of a daemon in the text format of Prometheus, version 0.0.4. What an
 * older daemon does not report is left out.
 */
export function exposition(
  status: Partial<Status>,
  sockets: readonly ListedSocket[],
): string {
  const up = gauge("multibinder_up", "Whether the daemon answered.", 1);
  const families = [up, ...daemonFamilies(status), ...socketFamilies(sockets)];
  return families.flatMap(familyLines).join("\n") + "\n";
}

/** The metrics while the daemon does not answer. */
export const DOWN: string = familyLines(
  gauge("multibinder_up", "Whether the daemon answered.", 0),
).join("\n") + "\n";
