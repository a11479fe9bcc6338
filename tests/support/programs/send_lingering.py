"""Sends a multibinder a descriptor whose close waits, in plain Python.

Usage: send_lingering.py SOCK

The descriptor is a TCP socket with unsent bytes and SO_LINGER, whose peer does not read: its last close
waits for an hour. Prints {"sent": true} and keeps the peer until it is killed, or prints {"sent": false} if
the kernel refuses to send it. The daemon must be stopped meanwhile: then the last close is that of the daemon.
"""

import array
import json
import os
import socket
import struct
import sys
import time


def lingering() -> tuple[socket.socket, socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    try:
        while True:
            near.send(bytes(65536))
    except BlockingIOError:
        pass
    near.setblocking(True)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    return near, far


def main() -> int:
    near, _far = lingering()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    rights = array.array("i", [near.fileno()])
    try:
        connection.sendmsg([b" "], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except PermissionError:
        print(json.dumps({"sent": False}), flush=True)
        return 0  # The end of a process does not wait for the close.
    near.close()
    print(json.dumps({"sent": True}), flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
