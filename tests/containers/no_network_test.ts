import { assert, assertEquals } from "@std/assert";
import { Container } from "../support/containers/container.ts";
import { Daemon, MINIMAL_FLAGS } from "../support/daemon.ts";
import { loopbackHost } from "../support/loopback.ts";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ROUNDS = 10;

/** A daemon on the host, in a directory that containers can see. */
async function hostDaemon(scratch: Scratch, args: string[] = []) {
  const control = scratch.join("control");
  await Deno.mkdir(control);
  await Deno.chmod(scratch.path, 0o755);
  const sock = `${control}/control.sock`;
  return { control, daemon: await Daemon.start({ sock, args }) };
}

/** The command line of examples/deno_serve.ts. */
function service(
  host: string,
  port: number,
  greeting: string,
  deno = Deno.execPath(),
): string[] {
  const flags = [...MINIMAL_FLAGS, "--allow-net=127.0.0.1"];
  const example = treePath("examples/deno_serve.ts");
  return [
    deno,
    "run",
    ...flags,
    example,
    host,
    String(port),
    greeting,
  ];
}

Deno.test("a container without a network serves on port 443 of the host and is replaced with no request lost", async () => {
  await using scratch = await Scratch.make();
  const { control, daemon } = await hostDaemon(scratch);
  await using _daemon = daemon;
  const hostname = loopbackHost();
  const start = async (greeting: string) => {
    const command = service(hostname, 443, greeting);
    const container = await Container.start(control, command);
    await container.program.output.next("serving");
    return container;
  };
  let serving = await start("version 0");
  const address = { hostname, port: 443 };
  const { lost, names } = await underLoad(address, async (seen) => {
    for (let round = 1; round <= ROUNDS; round++) {
      await using old = serving;
      serving = await start(`version ${round}`);
      old.signal("SIGTERM");
      assertEquals((await old.program.end()).code, 0);
      await untilSeen(seen, new RegExp(`^version ${round}\\b`));
    }
  }, { clients: 4, kinds: [false] });
  await serving[Symbol.asyncDispose]();
  assertEquals(lost, []);
  assertEquals(names.size, ROUNDS + 1);
});

Deno.test("`run` is process 1 of a container and replaces its service with no request lost", async () => {
  await using scratch = await Scratch.make();
  const { control, daemon } = await hostDaemon(scratch);
  await using _daemon = daemon;
  const hostname = loopbackHost();
  await using container = await Container.start(control, [
    Deno.execPath(),
    ...["run", ...MINIMAL_FLAGS, treePath("client.ts"), "run"],
    ...["--ready", "delay:300ms", `${hostname}:443`, "--"],
    ...service(hostname, 443, "hello"),
  ]);
  const { errors } = container.program;
  await errors.next("generation 1: ready");
  await container.program.output.next("serving");
  const { lost } = await underLoad({ hostname, port: 443 }, async () => {
    for (let generation = 2; generation <= ROUNDS; generation++) {
      container.signal("SIGHUP");
      await errors.next(`generation ${generation}: ready`);
      await errors.next(`generation ${generation - 1}: process`);
    }
  }, { clients: 4, kinds: [false] });
  assertEquals(lost, []);
  container.signal("SIGTERM");
  assertEquals((await container.program.end()).code, 0);
});

Deno.test("the policy sees the user of the host, not the root of the container's user namespace", async () => {
  await using scratch = await Scratch.make();
  const hostname = loopbackHost();
  const policy = scratch.join("policy.jsonc");
  const rule = {
    user: 1500,
    methods: ["bind"],
    addresses: [`${hostname}:443`],
  };
  await Deno.writeTextFile(policy, JSON.stringify({ rules: [rule] }));
  const args = ["--mode", "0666", "--policy", policy];
  const { control, daemon } = await hostDaemon(scratch, args);
  await using _daemon = daemon;
  // Another user may not be able to reach this one.
  const deno = `${control}/deno`;
  await Deno.copyFile(Deno.execPath(), deno);
  await Deno.chmod(deno, 0o755);
  const command = service(hostname, 443, "hello", "/run/multibinder/deno");
  const startAs = (uid: number) =>
    Container.start(control, command, [
      "setpriv",
      ...[`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"],
    ]);
  await using granted = await startAs(1500);
  await granted.program.output.next("serving");
  await using denied = await startAs(1501);
  const { code, errors } = await denied.program.end();
  assertEquals(code, 1);
  assert(errors.includes("Denied"), errors);
  await daemon.program.errors.next("uid=1501");
});
