import { assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";

/** A collector that accepts connections and never answers. */
class SilentCollector implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];

  constructor() {
    this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const each of this.#listener) this.#connections.push(each);
  }

  /** Variables of a program that sends it what it prints. */
  get variables(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT:
        `http://127.0.0.1:${this.#listener.addr.port}`,
      // Longer than a check may take.
      OTEL_EXPORTER_OTLP_TIMEOUT: "600000",
    };
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const each of this.#connections) each.close();
  }
}

Deno.test("the check of a new version does not wait for a collector of telemetry that does not answer", async () => {
  using collector = new SilentCollector();
  await using daemon = await Daemon.start({ env: collector.variables });
  for (const generation of [2, 3]) {
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, generation);
  }
});
