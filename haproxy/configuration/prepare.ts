import { resolve } from "@std/path/posix";
import type { ConnectOptions } from "../../client/session/options.ts";
import type { Report } from "../../supervisor/report.ts";
import { configsOf, type HaproxyArguments } from "../haproxy_arguments.ts";
import { renderAll } from "../render.ts";
import type { Sockets } from "../template/sockets.ts";
import { backgroundKeywords } from "./background_keywords.ts";
import { ConfigFile, isTemplate, readTemplate } from "./config_file.ts";
import { Configuration } from "./configuration.ts";

/** Options of {@linkcode prepare}. */
export interface PrepareOptions extends ConnectOptions {
  arguments: HaproxyArguments;
  env: Readonly<Record<string, string>>;
  /** The sockets of the HAProxy that serves. Default: none. */
  held?: Sockets | undefined;
  /** Whether to report keywords that do not fit a supervised HAProxy. */
  supervised: boolean;
  /** Reports each line the first time only. */
  reportOnce: Report;
}

/** The text of a configuration without tags, or "" if it cannot be read. */
function plainText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // It is a directory, or HAProxy will report the error.
    return "";
  }
}

/**
 * Renders every template of a command line.
 *
 * @throws {TemplateError}
 * @throws {FileError}
 * @throws {TimeoutError}
 */
export async function prepare(
  { arguments: haproxy, env, supervised, reportOnce, ...options }:
    PrepareOptions,
): Promise<Configuration> {
  const { directory } = haproxy;
  const configs = configsOf(haproxy);
  const templates = configs.filter(isTemplate)
    .map((name) => readTemplate(name, directory));
  const { texts, sockets } = await renderAll(templates, {
    ...options,
    env,
    warn: reportOnce,
  });
  if (supervised) {
    const plain = configs.filter((name) => !isTemplate(name))
      .map((name) => plainText(resolve(directory ?? ".", name)));
    for (const keyword of [...texts, ...plain].flatMap(backgroundKeywords)) {
      reportOnce(
        keyword === "daemon"
          ? "`daemon` in the configuration has no effect: HAProxy runs in the foreground"
          : "`master-worker` in the configuration: the wrapper supervises HAProxy's master, which ends its workers",
      );
    }
  }
  const files = templates.map((template, index) =>
    new ConfigFile(template, texts[index]!, directory)
  );
  return new Configuration(files, sockets);
}
