#!/bin/sh
# A root file system as a container runtime makes one: the host's programs, read
# only, and one directory of the host, which has the control socket.
#
# usage: container.sh ROOT CONTROL_DIRECTORY PATHS COMMAND [ARGUMENT...]
# PATHS: further host paths that the command reads, with colons between them
set -eu
root=$1 control=$2 paths=$3
shift 3

mount -t tmpfs tmpfs "$root"
show() { # HOST_PATH PATH
  mkdir -p "$root$2"
  mount --rbind "$1" "$root$2"
}
for path in /usr /lib /lib64 /bin $(echo "$paths" | tr : ' '); do
  if [ -L "$path" ]; then
    mkdir -p "$root$(dirname "$path")"
    ln -s "$(readlink "$path")" "$root$path"
  elif [ -d "$path" ]; then
    show "$path" "$path"
    # Read only where no flag of the host's mount is locked (mount_namespaces(7)).
    mount -o remount,bind,ro "$root$path" 2> /dev/null || true
  fi
done
show "$control" /run/multibinder
mkdir -p "$root/dev" "$root/proc" "$root/tmp"
for device in null urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
