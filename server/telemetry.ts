/**
 * Requests as OpenTelemetry has them: a span each, and counters. Deno collects
 * and exports them by itself, on a thread of its own and past every permission.
 *
 * Only types are imported: the package would be looked up at its registry at
 * each start, also where telemetry is off, and a daemon that comes back from a
 * re-exec must not wait for that. Deno's own objects are all it would hand out.
 *
 * @module
 */
import type {
  Attributes,
  Counter,
  Histogram,
  Meter,
  MeterProvider,
  Span,
  SpanKind,
  SpanStatusCode,
  Tracer,
  TracerProvider,
} from "npm:@opentelemetry/api@^1";
import { type Address, formatAddress, hasHost } from "../address.ts";
import type { Peer } from "../ffi/socket.ts";
import { ErrorCode, type ErrorObject } from "../protocol.ts";
import { VERSION } from "../version.ts";
import type { RequestTrace, Tracing } from "./tracing.ts";

const SCOPE = "multibinder";

const METHODS: ReadonlySet<string> = new Set([
  "bind",
  "list",
  "release",
  "status",
]);

const SERVER: SpanKind.SERVER = 1;
const ERROR: SpanStatusCode.ERROR = 2;

/** A client may name a method of 64 KiB, which the message repeats. */
const LONGEST_MESSAGE = 256;

/** In s: most requests take some 10 us, one with a name to resolve far more. */
const DURATIONS = [
  ...[10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6],
  ...[1e-3, 2.5e-3, 5e-3, 10e-3, 100e-3, 1, 10],
];

/** What is counted. */
class Instruments {
  readonly requests: Counter;
  readonly binds: Counter;
  readonly denials: Counter;
  readonly errors: Counter;
  readonly durations: Histogram;

  constructor(meter: Meter) {
    this.requests = meter.createCounter("multibinder.requests", {
      description: "Requests that were answered",
      unit: "{request}",
    });
    this.binds = meter.createCounter("multibinder.binds", {
      description: "Sockets that were handed out",
      unit: "{socket}",
    });
    this.denials = meter.createCounter("multibinder.denials", {
      description: "Requests that the policy denied",
      unit: "{request}",
    });
    this.errors = meter.createCounter("multibinder.errors", {
      description: "Requests that were answered with an error",
      unit: "{request}",
    });
    this.durations = meter.createHistogram("multibinder.request.duration", {
      description: "From a request's arrival to its answer",
      unit: "s",
      advice: { explicitBucketBoundaries: DURATIONS },
    });
  }
}

/** Traces requests with Deno's OpenTelemetry. */
export class Telemetry implements Tracing {
  readonly #tracer = tracer();
  readonly #instruments = new Instruments(meter());

  /**
   * Whether Deno takes spans at all: other variables than `OTEL_DENO` can
   * forbid it, and then each span would throw.
   */
  static isOn(): boolean {
    try {
      // Exported are spans that end, and this one does not.
      tracer().startSpan("multibinder.other");
      return true;
    } catch {
      return false;
    }
  }

  /** Its span begins now. */
  begin(method: string | undefined, peer: Peer): RequestTrace {
    const known = method !== undefined && METHODS.has(method)
      ? method
      : "other";
    const span = this.#tracer.startSpan(`multibinder.${known}`, {
      kind: SERVER,
    });
    return new RequestSpan(span, known, peer, this.#instruments);
  }
}

function tracer(): Tracer {
  const provider: TracerProvider = Deno.telemetry.tracerProvider;
  return provider.getTracer(SCOPE, VERSION);
}

function meter(): Meter {
  const provider: MeterProvider = Deno.telemetry.meterProvider;
  return provider.getMeter(SCOPE, VERSION);
}

class RequestSpan implements RequestTrace {
  readonly #began = performance.now();
  readonly #span: Span;
  readonly #method: Attributes;
  readonly #peer: Peer;
  readonly #instruments: Instruments;

  constructor(
    span: Span,
    method: string,
    peer: Peer,
    instruments: Instruments,
  ) {
    this.#span = span;
    this.#method = { "rpc.method": method };
    this.#peer = peer;
    this.#instruments = instruments;
  }

  succeeded(): void {
    this.#end({});
  }

  granted(address: Address, isNew: boolean): void {
    const socket = { "multibinder.socket": isNew ? "new" : "held" };
    this.#instruments.binds.add(1, socket);
    this.#end({ ...addressAttributes(address), ...socket });
  }

  failed({ code, message, data }: ErrorObject): void {
    const error = { "rpc.jsonrpc.error_code": code };
    this.#instruments.errors.add(1, { ...this.#method, ...error });
    if (code === ErrorCode.DENIED) {
      this.#instruments.denials.add(1, this.#method);
    }
    this.#span.setStatus({
      code: ERROR,
      message: message.slice(0, LONGEST_MESSAGE),
    });
    this.#end({ ...error, "error.type": errnoIn(data) ?? String(code) });
  }

  /** All attributes at once: each call out of JavaScript costs. */
  #end(attributes: Attributes): void {
    const { pid, uid, gid } = this.#peer;
    this.#span.setAttributes({
      "rpc.system": "jsonrpc",
      ...this.#method,
      "multibinder.peer.pid": pid,
      "multibinder.peer.uid": uid,
      "multibinder.peer.gid": gid,
      ...attributes,
    });
    this.#span.end();
    this.#instruments.requests.add(1, this.#method);
    const seconds = (performance.now() - this.#began) / 1000;
    this.#instruments.durations.record(seconds, this.#method);
  }
}

function addressAttributes(address: Address): Attributes {
  const text = { "multibinder.address": formatAddress(address) };
  return hasHost(address)
    ? {
      ...text,
      "network.transport": address.kind,
      "network.local.address": address.host,
      "network.local.port": address.port,
    }
    : {
      ...text,
      "network.transport": "unix",
      "network.local.address": address.path,
    };
}

/** Such as `EADDRINUSE`, where the kernel has refused. */
function errnoIn(data: unknown): string | undefined {
  const named = typeof data === "object" && data !== null && "code" in data;
  return named && typeof data.code === "string" ? data.code : undefined;
}
