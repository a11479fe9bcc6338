import { statusOfDescriptor } from "../files/file.ts";
import { processDescriptor } from "../processes/child_process.ts";
import { abi } from "../libc/abi.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";

const layout = abi.layouts.statfs;

/**
 * The inode of a process's pidfd, in decimal, which no other process has until
 * the next boot. It is LISTEN_PIDFDID of sd_listen_fds(3). `undefined` before Linux
 * 6.9, where all pidfds have the same inode, and for a process that is gone.
 */
export function pidfdId(pid: number): string | undefined {
  using descriptor = processDescriptor(pid);
  if (descriptor === undefined) return undefined;
  const bytes = new Uint8Array(layout.size);
  if (libc().fstatfs(descriptor.fd, bytes) === -1) return undefined;
  const type = viewOf(bytes).getBigInt64(layout.f_type, true);
  return type === BigInt(abi.PID_FS_MAGIC)
    ? statusOfDescriptor(descriptor.fd).inode
    : undefined;
}
