/**
 * A JSR on the loopback interface for `deno publish`, which accepts no folder:
 * it calls the registry's API, and takes modules that come from a folder inside
 * the project for part of the package.
 * @module
 */

import { prepareFolderRegistry } from "./folder_registry/prepare.ts";

/** What `deno publish` sends. */
export interface Upload {
  scope: string;
  name: string;
  version: string;
  /** The configuration's path in the tarball, with a leading slash. */
  config: string;
  tarball: Uint8Array<ArrayBuffer>;
}

/** A running registry. */
export interface LoopbackJsr extends AsyncDisposable {
  /** What makes a Deno use it, and keep its downloads out of the real cache. */
  env: { JSR_URL: string; DENO_DIR: string };
}

/** Serves the folder registry's packages, and gives new versions of any other to `publish`. */
export async function loopbackJsr(
  publish: (upload: Upload) => Promise<void>,
): Promise<LoopbackJsr> {
  const registry = await prepareFolderRegistry();
  const cache = await Deno.makeTempDir({ prefix: "multibinder-publish-" });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      if (!url.pathname.startsWith("/api/")) {
        return await packageFile(registry + url.pathname);
      }
      const version = versionIn(url);
      if (version !== undefined) {
        if (request.method !== "POST") return notFound();
        const tarball = new Uint8Array(await request.arrayBuffer());
        await publish({ ...version, tarball });
      }
      return Response.json({ id: "loopback", status: "success" });
    },
  );
  return {
    env: {
      JSR_URL: `http://127.0.0.1:${server.addr.port}/`,
      DENO_DIR: cache,
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(cache, { recursive: true });
    },
  };
}

function versionIn(url: URL): Omit<Upload, "tarball"> | undefined {
  const path = new URLPattern({
    pathname: "/api/scopes/:scope/packages/:name/versions/:version",
  });
  const { scope, name, version } = path.exec(url)?.pathname.groups ?? {};
  if (scope === undefined || name === undefined || version === undefined) {
    return undefined;
  }
  const config = url.searchParams.get("config") ?? "/deno.json";
  return { scope, name, version, config };
}

async function packageFile(path: string): Promise<Response> {
  try {
    return new Response(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return notFound();
    throw error;
  }
}

function notFound(): Response {
  return Response.json({ code: "notFound", message: "not found" }, {
    status: 404,
  });
}
