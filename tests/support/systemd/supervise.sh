#!/usr/bin/env bash
# Runs one machine in FOLDER and clears everything away when it has ended, or
# when standard input does: however the test that started this ends, nothing of
# the machine stays. Started by machine.ts in a mount and a cgroup namespace of
# its own: what is mounted here is seen nowhere else.
#
#   supervise.sh FOLDER TREE DENO DENO_DIR
#
# Standard output is the log of the machine's service manager.
set -euo pipefail
exec 2>&1
# A terminal's Ctrl-C is for the test; standard input ends with it.
trap '' INT HUP
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1

# Without a note in the host's /run/mount.
mount() {
  command mount --no-mtab "$@"
}
umount() {
  command umount --no-mtab "$@"
}

# The machine's part of the cgroup tree, below this process's own. The mount is
# made in a cgroup namespace because one made outside of any sets the options of
# the whole system's.
mkdir "$folder/cgroups"
mount -t cgroup2 cgroup2 "$folder/cgroups"
cgroup=$folder/cgroups/$(basename "$folder")
mkdir "$cgroup"

# /dev/kmsg inside. Held open for writing here, so that the reader stays.
mkfifo "$folder/kmsg"
exec 3<>"$folder/kmsg" 4<&0 </dev/null
cat "$folder/kmsg" 3>&- 4<&- &
log=$!

unshare --fork --kill-child --pid --mount --uts --ipc --propagation private \
  "$here/boot.sh" "$cgroup" "$@" >"$folder/kmsg" 2>&1 3>&- 4<&- &
machine=$!
cat <&4 >/dev/null 3>&- &
input=$!
wait -n "$machine" "$input" || true

# Every process of a PID namespace ends with its PID 1.
if [[ -s $folder/pid ]]; then
  kill -KILL "$(<"$folder/pid")" 2>/dev/null || true
else
  kill -KILL "$machine" 2>/dev/null || true
fi
# Silently: bash would report the killed ones.
{
  wait "$machine" || true
  kill -KILL "$input" || true
  wait "$input" || true
} 2>/dev/null
exec 3>&- 4<&-
# Which fails when nobody reads its output any more.
wait "$log" || true

find "$cgroup" -depth -type d -exec rmdir {} +
umount "$folder/cgroups"
rm -rf --one-file-system "$folder"
