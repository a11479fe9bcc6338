import { assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

Deno.test({
  name:
    "a signal for every process of the service does not end the check of a configuration",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program(
      "haproxy",
      `#!/bin/sh
case " $* " in *" -c "*) kill -s HUP $$; kill -s USR2 $$ ;; esac
exec haproxy "$@"
`,
    );
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
    });
    await haproxy.becomes("v2");
    assertEquals(haproxy.program.errors.text.match(/failed/), null);
  },
});

Deno.test({
  name:
    "a check that another program kills is reported as killed, not as a rejected configuration",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const killed = scratch.join("killed");
    const command = await scratch.program(
      "haproxy",
      `#!/bin/sh\nrm ${killed} 2>/dev/null && kill -s KILL $$\nexec haproxy "$@"\n`,
    );
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
    });
    await Deno.writeTextFile(killed, "");
    await haproxy.reload(template("v2"));
    await haproxy.says(
      "reload failed: HAProxy was ended by SIGKILL while it checked the configuration",
    );
    await haproxy.becomes("v3");
  },
});

/**
 * Behaves as a master of HAProxy that is reloading itself when it is told to drain:
 * loses the first SIGUSR1.
 */
const LOSES_FIRST_DRAIN = `#!/bin/sh
case " $* " in *" -c "*) exit 0 ;; esac
lost=
trap '[ -n "$lost" ] && exit 0; lost=1' USR1
trap 'exit 0' TERM
while [ "$1" != -sf ]; do shift; done
shift
kill -s USR1 "$@"
while :; do sleep 0.1; done
`;

Deno.test("a HAProxy that loses the signal to drain gets it again", async () => {
  await using scratch = await Scratch.make();
  const command = await scratch.program("haproxy", LOSES_FIRST_DRAIN);
  await using haproxy = await Wrapped.serving(template("v1"), [], { command });
  haproxy.program.signal("SIGHUP");
  const line = await haproxy.says("is ready; still draining: ");
  const old = line.slice(line.lastIndexOf(" ") + 1);
  await haproxy.says(`HAProxy ${old} ended with exit code 0`);
});
