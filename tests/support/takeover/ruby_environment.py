"""Becomes a program as a Ruby multibinder that replaces itself would: with sockets, and variables that name them.

Usage: ruby_environment.py SOCKETS COMMAND...

SOCKETS is a JSON list of {"variable": ..., "host": ..., "listen": ...}: each socket is bound to a
port of the kernel's choice at the host, and MULTIBINDER_BIND__tcp__<variable> set to its number,
with PORT in the variable replaced by the port. Without a host no socket is made, and the variable
names a number that is not open. Prints a line of JSON first: for each its port and inode.
"""

import json
import os
import socket
import sys

NOT_OPEN = 999


def main() -> None:
    made = []
    for wanted in json.loads(sys.argv[1]):
        port, inode, descriptor = 0, 0, NOT_OPEN
        if "host" in wanted:
            family = socket.AF_INET6 if ":" in wanted["host"] else socket.AF_INET
            bound = socket.socket(family, socket.SOCK_STREAM)
            bound.bind((wanted["host"], 0))
            if wanted["listen"]:
                bound.listen(1000)
            port = bound.getsockname()[1]
            inode = os.fstat(bound.fileno()).st_ino
            bound.set_inheritable(True)
            descriptor = bound.detach()
        made.append({"port": port, "inode": inode})
        name = "MULTIBINDER_BIND__tcp__" + wanted["variable"].replace("PORT", str(port))
        os.environ[name] = str(descriptor)
    print(json.dumps(made), flush=True)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
