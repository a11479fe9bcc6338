import { isTracing } from "./open_tracing.ts";

/**
 * Ends this program with an exit status, whatever is still under way, such as
 * a name that a slow server looks up.
 *
 * Where Deno exports telemetry it ends when nothing is under way any more:
 * `Deno.exit` waits for the last export, which may itself wait for JavaScript.
 */
export function endWith(status: number): void {
  if (isTracing()) Deno.exitCode = status;
  else Deno.exit(status);
}
