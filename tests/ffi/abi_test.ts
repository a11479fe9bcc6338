import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Abi,
  abiOf,
  UnsupportedPlatformError,
} from "../../ffi/libc/abi.ts";
import { lacks } from "../support/foreign_program.ts";

const HEADERS = `
  dirent errno fcntl grp limits netdb poll pwd sched signal spawn stddef stdio time unistd
  sys/signalfd sys/syscall sys/socket sys/un sys/epoll sys/eventfd sys/mman sys/stat sys/file
  sys/auxv sys/resource sys/statfs sys/wait sys/prctl sys/ioctl netinet/in linux/tcp arpa/inet
  linux/sockios linux/netlink linux/rtnetlink linux/sock_diag linux/unix_diag
  linux/bpf linux/filter linux/inet_diag
`.trim().split(/\s+/);

/** Entries that no header defines, and the tests that check them. */
const OF_NO_HEADER: Readonly<Record<string, string>> = {
  // In <linux/magic.h> from Linux 6.9 on.
  PID_FS_MAGIC: "../inherited/inherited_test.ts: an inode of the kernel's own",
  SCM_MAX_FD: "descriptor_passing_test.ts: 253 pass, 254 do not",
  // In <asm-generic/socket.h> from Linux 6.16 on.
  SO_PASSRIGHTS: "../bad_clients/sent_descriptors_test.ts: EPERM for a client",
  libc: "paths; the last tests of this file, and every test that calls libc",
};

const EXPRESSIONS: Readonly<Record<string, string>> = {
  // Defined in <netinet/tcp.h>, which conflicts with <linux/tcp.h>.
  TCP_ESTABLISHED: "BPF_TCP_ESTABLISHED",
  TCP_FIN_WAIT1: "BPF_TCP_FIN_WAIT1",
  TCP_FIN_WAIT2: "BPF_TCP_FIN_WAIT2",
  TCP_CLOSE_WAIT: "BPF_TCP_CLOSE_WAIT",
  TCP_LISTEN: "BPF_TCP_LISTEN",
  "cmsghdr.size": "CMSG_LEN(0)",
  "cmsghdr.align": "CMSG_ALIGN(1)",
  // Newer kernels have a longer struct; only the fields up to here are read.
  "tcp_info.size":
    "offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(__u64)",
};

/** The C type of a layout. */
function typeOf(layout: string): string {
  if (layout === "linux_dirent64") return "struct dirent64";
  return layout.endsWith("_t") ? layout : `struct ${layout}`;
}

/** A number of the table: its name, its C expression and its value. */
interface Entry {
  name: string;
  expression: string;
  value: number;
}

/** An entry. Throws for a value that is not a number, which cannot be checked. */
function entry(name: string, usual: string, value: unknown): Entry {
  assert(typeof value === "number", `${name} is not checked by anything`);
  return { name, expression: EXPRESSIONS[name] ?? usual, value };
}

function entriesOf({ layouts, ...constants }: Abi): Entry[] {
  return [
    ...Object.entries(constants)
      .filter(([name]) => !Object.hasOwn(OF_NO_HEADER, name))
      .map(([name, value]) => entry(name, name, value)),
    ...Object.entries(layouts).flatMap(([struct, layout]) => {
      const type = typeOf(struct);
      return Object.entries(layout).map(([field, value]) => {
        const usual = field === "size"
          ? `sizeof(${type})`
          : `offsetof(${type}, ${field})`;
        return entry(`${struct}.${field}`, usual, value);
      });
    }),
  ];
}

/**
 * A C program that is compiled, not run: the assembler text has each value, as
 * in the kernel's build (Documentation/kbuild, asm-offsets).
 */
function programFor(entries: readonly Entry[]): string {
  return [
    "#define _GNU_SOURCE",
    ...HEADERS.map((header) => `#include <${header}.h>`),
    "void values(void) {",
    ...entries.map(({ name, expression }) =>
      `asm volatile("-> ${name} %0" : : "n" ((long long) (${expression})));`
    ),
    "}",
  ].join("\n");
}

/**
 * The values on the `-> ` lines of the assembler text. On x86_64 a constant has
 * a `$`.
 */
async function valuesBy(compiler: string, program: string): Promise<string[]> {
  const process = new Deno.Command(compiler, {
    args: ["-x", "c", "-S", "-o", "-", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  await new Blob([program]).stream().pipeTo(process.stdin);
  const { success, stdout, stderr } = await output;
  assert(success, new TextDecoder().decode(stderr));
  const assembler = new TextDecoder().decode(stdout);
  return [...assembler.matchAll(/^\s*-> (\S+) \$?(-?\d+)$/gm)]
    .map(([, name, value]) => `${name} ${value}`);
}

for (const arch of ["x86_64", "aarch64"]) {
  // Debian's name is the same for a native and for a cross compiler.
  const compiler = `${arch}-linux-gnu-gcc`;
  Deno.test({
    name: `${arch}: every constant, size and offset is that of the C headers`,
    ignore: await lacks(compiler),
    fn: async () => {
      const entries = entriesOf(abiOf("linux", arch));
      assertEquals(
        await valuesBy(compiler, programFor(entries)),
        entries.map(({ name, value }) => `${name} ${value}`),
      );
      assert(entries.length > 200, `only ${entries.length} entries`);
    },
  });
}

Deno.test("the check fails on a constant or a field that is not a number", () => {
  const table = abiOf("linux", "x86_64");
  const text = Object.assign({}, table, { O_PATH: "0o10000000" });
  assertThrows(() => entriesOf(text), Error, "O_PATH is not checked");
  const layouts = { ...table.layouts, iovec: { size: [16] } };
  const list = Object.assign({}, table, { layouts });
  assertThrows(() => entriesOf(list), Error, "iovec.size is not checked");
});

Deno.test("both targets have every entry", () => {
  const names = (table: Abi) => entriesOf(table).map(({ name }) => name);
  assertEquals(
    names(abiOf("linux", "x86_64")),
    names(abiOf("linux", "aarch64")),
  );
});

Deno.test("the paths of the C library are those of the target", () => {
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
