/**
 * What an operator points OpenTelemetry at: a server that takes OTLP over HTTP,
 * in its JSON form.
 *
 * @module
 */
import { within } from "../program.ts";

/** What a span, a count or a resource says, by name. */
export type Attributes = Record<string, unknown>;

/** A span that came. */
export interface Span {
  readonly name: string;
  /** 2 is a server's. */
  readonly kind: number;
  /** 0 unset, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
  readonly attributes: Attributes;
}

/** One value of a counter or histogram, with what it is the value for. */
export interface Point {
  readonly attributes: Attributes;
  /** Of a counter the sum, of a histogram how often. */
  readonly value: number;
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}

interface SpanMessage extends Omit<Span, "attributes"> {
  attributes: KeyValue[];
}

interface TracesMessage {
  resourceSpans: { scopeSpans: { spans: SpanMessage[] }[] }[];
}

interface PointMessage {
  attributes: KeyValue[];
  asDouble?: number;
  count?: string;
}

interface MetricMessage {
  name: string;
  sum?: { dataPoints: PointMessage[] };
  histogram?: { dataPoints: PointMessage[] };
}

interface MetricsMessage {
  resourceMetrics: { scopeMetrics: { metrics: MetricMessage[] }[] }[];
}

function attributesOf(list: readonly KeyValue[]): Attributes {
  return Object.fromEntries(
    list.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}

function holds(attributes: Attributes, part: Attributes): boolean {
  return Object.entries(part).every(([name, value]) =>
    attributes[name] === value
  );
}

/** A collector that keeps what it is sent. `await using` ends it. */
export class Collector implements AsyncDisposable {
  readonly #ending = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #metrics = new Map<string, Point[]>();
  readonly #waiting = new Set<() => void>();
  /** How often something was sent. */
  requests = 0;
  /** Every span, in the order they came. */
  readonly spans: Span[] = [];

  /** Listens on a port of its own. */
  constructor() {
    const { signal } = this.#ending;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  async #answer(request: Request): Promise<Response> {
    let message: unknown;
    try {
      message = await request.json();
    } catch {
      // Its daemon was killed while it sent.
      return new Response("no JSON", { status: 400 });
    }
    this.requests++;
    this.#take(new URL(request.url).pathname, message);
    for (const wake of this.#waiting) wake();
    return Response.json({});
  }

  /** The variables that have a daemon send spans here at once. */
  get env(): Record<string, string> {
    return { ...this.patientEnv, OTEL_BSP_SCHEDULE_DELAY: "20" };
  }

  /**
   * Metrics, too. A daemon that ends while Deno collects them may hang: end it
   * the hard way.
   */
  get metricsEnv(): Record<string, string> {
    return { ...this.env, OTEL_METRIC_EXPORT_INTERVAL: "20" };
  }

  /** The variables that have it send nothing before it ends. */
  get patientEnv(): Record<string, string> {
    const { port } = this.#server.addr;
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "3600000",
      OTEL_METRIC_EXPORT_INTERVAL: "3600000",
    };
  }

  #take(path: string, message: unknown): void {
    if (path === "/v1/traces") {
      this.#takeSpans(message as TracesMessage);
    } else if (path === "/v1/metrics") {
      this.#takeMetrics(message as MetricsMessage);
    }
  }

  #takeSpans({ resourceSpans }: TracesMessage): void {
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans) {
        this.spans.push(...spans.map((span) => ({
          ...span,
          attributes: attributesOf(span.attributes),
        })));
      }
    }
  }

  #takeMetrics({ resourceMetrics }: MetricsMessage): void {
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) {
        for (const { name, sum, histogram } of metrics) {
          const points = (sum ?? histogram)?.dataPoints ?? [];
          const values = points.map(({ attributes, asDouble, count }) => ({
            attributes: attributesOf(attributes),
            value: asDouble ?? Number(count),
          }));
          this.#metrics.set(name, values);
        }
      }
    }
  }

  async #until<T>(find: () => T | undefined, what: () => string): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = () => {
      const found = find();
      if (found !== undefined) resolve(found);
    };
    look();
    this.#waiting.add(look);
    try {
      return await within(promise, what);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** The first span of that name that has those attributes. */
  span(name: string, part: Attributes = {}): Promise<Span> {
    return this.#until(
      () =>
        this.spans.find((span) =>
          span.name === name && holds(span.attributes, part)
        ),
      () => `a span ${name} among ${JSON.stringify(this.spans)}`,
    );
  }

  /** Waits until so many spans have come. */
  async spanCount(count: number): Promise<void> {
    await this.#until(
      () => this.spans.length >= count || undefined,
      () => `${count} spans, only ${this.spans.length}`,
    );
  }

  /** The values of a metric, once their sum is at least `total`. */
  points(name: string, total: number): Promise<Point[]> {
    return this.#until(
      () => {
        const points = this.#metrics.get(name) ?? [];
        const sum = points.reduce((sum, { value }) => sum + value, 0);
        return sum >= total ? points : undefined;
      },
      () => `${total} of ${name} in ${JSON.stringify([...this.#metrics])}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#server.finished;
  }
}
