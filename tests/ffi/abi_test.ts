import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Abi,
  abi,
  abiOf,
  UnsupportedPlatformError,
} from "../../ffi/abi.ts";
import { lacks } from "../foreign_program.ts";
import { Scratch } from "../tree.ts";

const HEADERS = `
  dirent errno fcntl grp limits netdb poll pwd sched signal spawn stddef stdio time unistd
  sys/signalfd sys/syscall sys/socket sys/un sys/epoll sys/eventfd sys/mman sys/stat sys/file
  sys/resource sys/wait sys/prctl sys/ioctl netinet/in linux/tcp arpa/inet
  linux/netlink linux/rtnetlink linux/sock_diag linux/unix_diag
  linux/bpf
`.trim().split(/\s+/);

// Not in any header: passing 254 descriptors shows it, see
// descriptor_passing_test.ts.
const OF_THE_KERNEL: ReadonlySet<string> = new Set(["SCM_MAX_FD"]);

const EXPRESSIONS: Readonly<Record<string, string>> = {
  // <netinet/tcp.h> has it, which cannot stand beside <linux/tcp.h>.
  TCP_LISTEN: "BPF_TCP_LISTEN",
  "cmsghdr.size": "CMSG_LEN(0)",
  "cmsghdr.align": "sizeof(size_t)",
  // It grows from kernel to kernel: what is read ends with the last field.
  "tcp_info.size":
    "offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(__u64)",
};

/** The C type of a layout. */
function typeOf(layout: string): string {
  if (layout === "linux_dirent64") return "struct dirent64";
  return layout.endsWith("_t") ? layout : `struct ${layout}`;
}

interface Entry {
  name: string;
  expression: string;
  value: number;
}

function entriesOf(table: Abi): Entry[] {
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(table)) {
    if (typeof value !== "number" || OF_THE_KERNEL.has(name)) continue;
    entries.push({ name, expression: EXPRESSIONS[name] ?? name, value });
  }
  for (const [struct, layout] of Object.entries(table.layouts)) {
    const type = typeOf(struct);
    for (const [field, value] of Object.entries<number>(layout)) {
      const name = `${struct}.${field}`;
      const usual = field === "size"
        ? `sizeof(${type})`
        : `offsetof(${type}, ${field})`;
      entries.push({ name, expression: EXPRESSIONS[name] ?? usual, value });
    }
  }
  return entries;
}

function programFor(entries: readonly Entry[]): string {
  return [
    "#define _GNU_SOURCE",
    ...HEADERS.map((header) => `#include <${header}.h>`),
    "int main(void) {",
    ...entries.map(({ name, expression }) =>
      `printf("${name} %lld\\n", (long long) (${expression}));`
    ),
    "return 0; }",
  ].join("\n");
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "every constant and layout is what the C compiler makes of the headers",
  ignore: await lacks("cc"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const entries = entriesOf(abi);
    const source = scratch.join("abi.c");
    await Deno.writeTextFile(source, programFor(entries));
    await run("cc", "-o", scratch.join("abi"), source);
    const lines = (await run(scratch.join("abi"))).trimEnd().split("\n");
    assertEquals(
      lines,
      entries.map(({ name, value }) => `${name} ${value}`),
    );
    assert(lines.length > 80);
  },
});

Deno.test("both targets have every entry", () => {
  const names = (table: Abi) => entriesOf(table).map(({ name }) => name);
  assertEquals(
    names(abiOf("linux", "x86_64")),
    names(abiOf("linux", "aarch64")),
  );
});

Deno.test("the C library is looked for under the name of its own target", () => {
  for (const arch of ["x86_64", "aarch64"]) {
    const [first] = abiOf("linux", arch).libc;
    assertEquals(first, `/lib/${arch}-linux-gnu/libc.so.6`);
  }
});

const UNSUPPORTED = [
  ["darwin", "aarch64"],
  ["darwin", "x86_64"],
  ["windows", "x86_64"],
  ["freebsd", "x86_64"],
  ["linux", "riscv64gc"],
] as const;

for (const [os, arch] of UNSUPPORTED) {
  Deno.test(`${os} ${arch} is an UnsupportedPlatformError that says so`, () => {
    assertThrows(
      () => abiOf(os, arch),
      UnsupportedPlatformError,
      `this is ${os} ${arch}`,
    );
  });
}
