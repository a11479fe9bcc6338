/** Which process has accepted a connection, from /proc. */

/** The state of an open connection in proc_net_tcp(5). */
const ESTABLISHED = "01";

/**
 * The inodes of the open connections of a local port in the text of
 * /proc/net/tcp. A connection that nobody has accepted yet has the inode 0.
 */
export function acceptedInodes(text: string, port: number): Set<string> {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const line of text.split("\n").slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED || !local?.endsWith(end)) continue;
    if (inode !== undefined && inode !== "0") inodes.add(inode);
  }
  return inodes;
}

/** The number of open connections of a port that each process has accepted. */
export function countConnections(
  port: number,
  pids: readonly number[],
): number[] {
  const text = Deno.readTextFileSync("/proc/net/tcp");
  const accepted = acceptedInodes(text, port);
  return pids.map((pid) =>
    descriptorsOf(pid).filter((target) => {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      return inode !== undefined && accepted.has(inode);
    }).length
  );
}

function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(folder)].map(({ name }) => {
    try {
      return Deno.readLinkSync(`${folder}/${name}`);
    } catch (error) {
      // It was closed after the folder was read.
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  });
}
