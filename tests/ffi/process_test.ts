import { assert, assertEquals, assertThrows } from "@std/assert";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";
import { spareDescriptor } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { executable } from "../../ffi/processes/executable.ts";
import {
  commandLine,
  descriptorLimit,
  environmentVariable,
  execute,
  initialEnvironment,
  openDescriptors,
  processId,
  unsetEnvironmentVariable,
} from "../../ffi/processes/process.ts";

Deno.test("PID, executable, command line and environment are those of this process", () => {
  assertEquals(processId(), Deno.pid);
  assertEquals(executable(), Deno.execPath());
  assert(commandLine().includes("test"));
  const path = initialEnvironment().find((each) => each.startsWith("PATH="));
  assertEquals(path, `PATH=${Deno.env.get("PATH")}`);
});

Deno.test("an environment variable is read and unset", () => {
  const name = "MULTIBINDER_TEST_VARIABLE";
  assertEquals(environmentVariable(name), undefined);
  Deno.env.set(name, "ü=1");
  assertEquals(environmentVariable(name), "ü=1");
  unsetEnvironmentVariable(name);
  assertEquals(environmentVariable(name), undefined);
  assertEquals(Deno.env.get(name), undefined);
});

Deno.test("the descriptor limit is RLIMIT_NOFILE", async () => {
  const limits = await Deno.readTextFile("/proc/self/limits");
  const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits)!;
  assertEquals(descriptorLimit(), { soft: Number(soft), hard: Number(hard) });
});

Deno.test("the open descriptors are listed in order, without the descriptor of the listing", () => {
  using spare = spareDescriptor()!;
  const open = openDescriptors();
  assert(open.includes(spare.fd));
  assertEquals(open, open.toSorted((one, other) => one - other));
  assert(open.every((fd) => Number.isInteger(fd)));
});

const NOT_EXECUTABLE: [path: string, code: string][] = [
  ["/no/such/file", "ENOENT"],
  ["/proc/self/status", "EACCES"],
  ["/", "EACCES"],
];

for (const [path, code] of NOT_EXECUTABLE) {
  Deno.test(`this program continues when it cannot execute ${path}`, () => {
    const error = assertThrows(() => execute(path, ["x"], []), OsError, path);
    assertEquals([error.code, error.syscall], [code, "execve"]);
  });
}

Deno.test("an argument with a NUL is refused", () => {
  assertThrows(() => execute("/bin/true", ["a\0b"], []), TypeError, "NUL");
});

Deno.test("the environment in memory has later changes, and the command line is known until then", async () => {
  const script = `
import { argumentsInMemory, environmentInMemory } from ${
    JSON.stringify(treePath("ffi/libc/initial_process.ts"))
  };
const decoder = new TextDecoder();
const entries = (bytes) => decoder.decode(bytes).split("\\0").slice(0, -1);
const before = entries(argumentsInMemory());
Deno.env.set("MULTIBINDER_TEST_VARIABLE", "ü");
const variables = entries(environmentInMemory());
console.log(JSON.stringify([before, variables, argumentsInMemory() ?? null]));
`;
  await using scratch = await Scratch.make();
  const path = scratch.join("script.ts");
  await Deno.writeTextFile(path, script);
  const args = ["run", "--no-check", "-A", path, "", "ä b"];
  await using program = Program.start(Deno.execPath(), { args });
  const { output, errors } = await program.end();
  assertEquals(errors, "");
  const [before, variables, after] = JSON.parse(output);
  assertEquals(before, [Deno.execPath(), ...args]);
  assert(variables.includes("MULTIBINDER_TEST_VARIABLE=ü"), output);
  assert(variables.includes(`PATH=${Deno.env.get("PATH")}`), output);
  assertEquals(after, null);
});
