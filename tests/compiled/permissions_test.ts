import { assertEquals, assertThrows } from "@std/assert";
import { UnsupportedPlatformError } from "../../ffi/libc/abi.ts";
import { permissionFlags } from "../../tools/compile/permissions.ts";

for (const arch of ["x86_64", "aarch64"]) {
  Deno.test(`a binary for ${arch} may only open that target's C library`, () => {
    const [prompt, ffi, ...more] = permissionFlags(
      `${arch}-unknown-linux-gnu`,
    );
    assertEquals([prompt, more], ["--no-prompt", []]);
    const paths = ffi!.replace("--allow-ffi=", "").split(",");
    assertEquals(paths[0], `/lib/${arch}-linux-gnu/libc.so.6`);
    assertEquals(paths.filter((path) => !/^\/.*\/libc\.so\.6$/.test(path)), []);
  });
}

for (
  const target of [
    "x86_64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "riscv64gc-unknown-linux-gnu",
    "",
  ]
) {
  Deno.test(`no binary is compiled for the unsupported target "${target}"`, () => {
    assertThrows(() => permissionFlags(target), UnsupportedPlatformError);
  });
}
