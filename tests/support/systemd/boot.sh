#!/usr/bin/env bash
# PID 1 of a machine before systemd takes its place: makes the file system that
# the machine sees. Started by supervise.sh in new PID, mount, UTS and IPC
# namespaces with private mounts.
#
#   boot.sh CGROUP FOLDER TREE DENO DENO_DIR
#
# The machine has the files of its host, read-only, but a /run, /tmp and so on
# of its own, which systemd's start-up may clean. The kernel's settings are
# read-only too, and the devices, units and cgroups are its own.
set -euo pipefail
cgroup=$1 folder=$2 tree=$3 deno=$4 deno_dir=$5

# Without a note in the host's /run/mount.
mount() {
  command mount --no-mtab "$@"
}
umount() {
  command umount --no-mtab "$@"
}

# This process's number outside: /proc is still the host's.
read -r pid _ </proc/self/stat
echo "$pid" >"$folder/pid"
echo 0 >"$cgroup/cgroup.procs"
umount "$folder/cgroups"

# Takes away what the host has mounted at a path and below it.
clear_mounts() {
  if mountpoint --quiet "$1"; then umount --recursive --lazy "$1"; fi
}

# Puts an empty tmpfs with MODE at PATH.
empty() {
  clear_mounts "$2"
  mount -t tmpfs -o "mode=$1" tmpfs "$2"
}

# What comes from outside, before a tmpfs hides where it is.
host=$folder/host
mkdir "$host"/{tree,deno_dir,journal}
touch "$host"/deno
mount --bind -o ro "$tree" "$host/tree"
mount --bind -o ro "$deno" "$host/deno"
mount --bind -o ro "$deno_dir" "$host/deno_dir"
mount --bind "$folder/journal" "$host/journal"
mount --bind "$folder/shared" "$folder/shared"

# The devices that every container has, and the log in the place of the kernel's.
dev=$folder/dev
mkdir "$dev"
empty 755 "$dev"
mkdir "$dev"/{pts,shm}
for name in null zero full random urandom tty; do
  touch "$dev/$name"
  mount --bind "/dev/$name" "$dev/$name"
done
touch "$dev/kmsg"
mount --bind "$folder/kmsg" "$dev/kmsg"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dev/pts"
empty 1777 "$dev/shm"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s /proc/self/fd/0 "$dev/stdin"
ln -s /proc/self/fd/1 "$dev/stdout"
ln -s /proc/self/fd/2 "$dev/stderr"
clear_mounts /dev
mount --move "$dev" /dev

# No unit and no generator of the host.
mount --bind "$folder/etc" /etc/systemd
mount --bind "$folder/lib" /usr/lib/systemd/system
for generators in /usr/lib/systemd/{system,system-environment}-generators; do
  if [[ -d $generators ]]; then empty 755 "$generators"; fi
done

mount -o remount,bind,ro /
for directory in /run /var/lib /var/cache /var/log; do
  empty 755 "$directory"
done
for directory in /tmp /var/tmp; do
  empty 1777 "$directory"
done
mkdir /run/host
mount --rbind "$host" /run/host

clear_mounts /sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /sys
clear_mounts /proc
mount -t proc -o nosuid,nodev,noexec proc /proc
for setting in /proc/sys /proc/sysrq-trigger; do
  if [[ -e $setting ]]; then mount --bind -o ro "$setting" "$setting"; fi
done

cd /
# The cgroup namespace begins at this process's own cgroup.
exec unshare --cgroup sh -euc '
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  echo "The machine is ready for systemd."
  exec env -i container=nspawn PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set -net_admin,-sys_boot,-sys_module,-sys_rawio,-sys_time \
    /lib/systemd/systemd --system --unit=multi-user.target \
    --log-target=kmsg --show-status=no </dev/null'
