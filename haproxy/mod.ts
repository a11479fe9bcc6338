/**
 * HAProxy with the sockets of a multibinder daemon: templates with
 * `<%= bind_tcp('0.0.0.0', 80) %>` become configurations, and a reload of
 * HAProxy refuses no connection.
 *
 * Run directly it is a command line that accepts the arguments of the Ruby tools
 * `multibinder-haproxy-erb` and `multibinder-haproxy-wrapper`:
 *
 * ```sh
 * deno run --no-config -A jsr:@multibinder/client/haproxy haproxy -f /etc/haproxy/web.cfg.erb
 * ```
 *
 * @module
 */
import { requireSupportedDeno } from "../version.ts";

export { render, type Rendering, type RenderOptions } from "./render.ts";
export {
  type HaproxyEnding,
  supervise,
  type SuperviseOptions,
  type Supervision,
} from "./supervise.ts";
export {
  TemplateError,
  type TemplateProblem,
} from "./template/template_error.ts";
export type { CallOptions, ConnectOptions } from "../client/session/options.ts";

requireSupportedDeno(import.meta.main);
if (import.meta.main) {
  const { main } = await import("./command_line.ts");
  const { ownArguments } = await import("../ffi/processes/process.ts");
  Deno.exit(await main(ownArguments()));
}
