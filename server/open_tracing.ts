import { environmentVariable } from "../ffi/process.ts";
import type { Tracing } from "./tracing.ts";

let asked = false;

/** Traces requests where `OTEL_DENO` asks for it; loads nothing elsewhere. */
export async function openTracing(): Promise<Tracing | undefined> {
  // Deno takes it in any case: `TRUE` is on, too.
  asked = environmentVariable("OTEL_DENO")?.toLowerCase() === "true";
  if (!asked) return undefined;
  const { Telemetry } = await import("./telemetry.ts");
  return Telemetry.isOn() ? new Telemetry() : undefined;
}

/** Whether Deno exports telemetry of this program, ours or its own. */
export function isTracing(): boolean {
  return asked;
}
