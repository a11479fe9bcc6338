"""A service on an inherited listening socket, in plain Python.

Usage: serve_fd.py FD LINE [--connections N]

Accepts on the descriptor with the number FD (TCP or UNIX, blocking or not), sends LINE and a
newline to each connection and closes it. Prints "ready" when it accepts. Ends with exit code 0
after N connections, or on SIGTERM; without N it goes on.
"""

import argparse
import select
import signal
import socket
import sys


def main() -> int:
    parser = argparse.ArgumentParser(usage="serve_fd.py FD LINE [--connections N]")
    parser.add_argument("descriptor", type=int)
    parser.add_argument("line")
    parser.add_argument("--connections", type=int)
    arguments = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = socket.socket(fileno=arguments.descriptor)
    print("ready", flush=True)
    served = 0
    while arguments.connections is None or served < arguments.connections:
        connection = accept(listener)
        with connection:
            connection.setblocking(True)
            try:
                connection.sendall(arguments.line.encode() + b"\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
        served += 1
    return 0


def accept(listener: socket.socket) -> socket.socket:
    """The next connection. O_NONBLOCK is shared with every holder of the socket, so it is left alone."""
    while True:
        select.select([listener], [], [])
        try:
            return listener.accept()[0]
        except BlockingIOError:
            continue  # Another holder of the socket was faster.


if __name__ == "__main__":
    sys.exit(main())
