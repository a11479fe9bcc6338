"""Starts a program as sd_listen_fds(3) has it: launch.py SOCKETS PID NAMES CMD...

SOCKETS: comma-separated, from descriptor 3 on: tcp, udp, unix:PATH, unixgram:PATH, seqpacket:PATH,
         idle (a TCP socket that does not listen), pipe, none
PID:     own, none or a number
NAMES:   LISTEN_FDNAMES, or - for none
LISTEN_PIDFDID=own in the environment becomes the inode of this process's pidfd.
"""

import os
import socket
import sys

sockets, pid, names, *command = sys.argv[1:]
TYPES = {
    "unix": socket.SOCK_STREAM,
    "unixgram": socket.SOCK_DGRAM,
    "seqpacket": socket.SOCK_SEQPACKET,
}
kinds = [] if sockets == "none" else sockets.split(",")


def opened(kind):
    if kind == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
    elif ":" in kind:
        name, path = kind.split(":", 1)
        listener = socket.socket(socket.AF_UNIX, TYPES[name])
        listener.bind(path)
        if name != "unixgram":
            listener.listen()
    elif kind == "idle":
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    elif kind == "udp":
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("127.0.0.1", 0))
    else:
        return os.pipe()[0]
    return listener.detach()


descriptors = [opened(kind) for kind in kinds]
# Out of the way of 3, 4, ... first.
descriptors = [os.dup2(fd, 100 + index) for index, fd in enumerate(descriptors)]
for index, fd in enumerate(descriptors):
    os.dup2(fd, 3 + index, inheritable=True)
    os.close(fd)
if pid != "none":
    os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "own" else pid
if os.environ.get("LISTEN_PIDFDID") == "own":
    os.environ["LISTEN_PIDFDID"] = str(os.stat(os.pidfd_open(os.getpid())).st_ino)
os.environ["LISTEN_FDS"] = str(len(kinds))
if names != "-":
    os.environ["LISTEN_FDNAMES"] = names
os.execvp(command[0], command)
