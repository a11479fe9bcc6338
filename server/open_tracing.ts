import { environmentVariable } from "../ffi/process.ts";
import type { Tracing } from "./tracing.ts";

/** Traces requests where `OTEL_DENO` asks for it; loads nothing elsewhere. */
export async function openTracing(): Promise<Tracing | undefined> {
  // Deno takes it in any case: `TRUE` is on, too.
  const asked = environmentVariable("OTEL_DENO")?.toLowerCase() === "true";
  if (!asked) return undefined;
  const { Telemetry } = await import("./telemetry.ts");
  return Telemetry.isOn() ? new Telemetry() : undefined;
}
