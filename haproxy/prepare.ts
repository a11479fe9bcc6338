import { resolve } from "@std/path/posix";
import type { ConnectOptions } from "../client/options.ts";
import { ConfigFile, isTemplate, readTemplate } from "./config_file.ts";
import { Configuration } from "./configuration.ts";
import { backgroundKeywords } from "./foreground.ts";
import { configsOf, type HaproxyArguments } from "./haproxy_arguments.ts";
import { renderAll } from "./render.ts";
import type { Sockets } from "./sockets.ts";

/** What configurations are prepared with. */
export interface Preparation extends ConnectOptions {
  arguments: HaproxyArguments;
  env: Readonly<Record<string, string>>;
  /** The sockets of the HAProxy that serves, if one does. */
  held?: Sockets | undefined;
  /** Whether HAProxy is started with it, so that it is to be said what it may not. */
  supervised: boolean;
  /** Says a thing that is worth saying once. */
  sayOnce: (line: string) => void;
}

/** The text of a configuration that is no template; none if it cannot be had. */
function plainText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // A directory, or something that HAProxy will say itself.
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
  { arguments: haproxy, env, supervised, sayOnce, ...options }: Preparation,
): Promise<Configuration> {
  const { directory } = haproxy;
  const configs = configsOf(haproxy);
  const templates = configs.filter(isTemplate)
    .map((name) => readTemplate(name, directory));
  const { texts, sockets } = await renderAll(templates, {
    ...options,
    env,
    warn: sayOnce,
  });
  if (supervised) {
    const plain = configs.filter((name) => !isTemplate(name))
      .map((name) => plainText(resolve(directory ?? ".", name)));
    for (const keyword of [...texts, ...plain].flatMap(backgroundKeywords)) {
      sayOnce(
        keyword === "daemon"
          ? "`daemon` in the configuration has no effect: HAProxy stays in the foreground"
          : "`master-worker` in the configuration: HAProxy's master is what is supervised, and its workers end with it",
      );
    }
  }
  const files = templates.map((template, index) =>
    new ConfigFile(template, texts[index]!, directory)
  );
  return new Configuration(files, sockets);
}
