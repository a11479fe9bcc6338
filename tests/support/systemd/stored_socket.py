"""A service that keeps its listening socket in the service manager's descriptor store.

Usage: stored_socket.py NAME HOST

Without a stored socket it binds HOST and stores that under NAME. Each connection gets a line
of JSON: the socket's port and inode, and the names it came back under (none at the first start).
"""

import array
import json
import os
import socket
import sys

FIRST_DESCRIPTOR = 3


def notify(state: str, *descriptors: int) -> None:
    """sd_pid_notify_with_fds(3): descriptors first, then the program may go on."""
    address = os.environ["NOTIFY_SOCKET"]
    if address.startswith("@"):
        address = "\0" + address[1:]
    rights = array.array("i", descriptors).tobytes()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(address)
        manager.sendmsg([state.encode()], ancillary)


def listening_socket(name: str, host: str) -> tuple[socket.socket, list[str]]:
    """The one that was stored, with the names of all that were, or a new one."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        names = os.environ["LISTEN_FDNAMES"].split(":")
        return socket.socket(fileno=FIRST_DESCRIPTOR + names.index(name)), names
    listener = socket.create_server((host, 0))
    notify(f"FDSTORE=1\nFDNAME={name}", listener.fileno())
    return listener, []


def main() -> None:
    listener, names = listening_socket(sys.argv[1], sys.argv[2])
    state = {
        "port": listener.getsockname()[1],
        "inode": os.fstat(listener.fileno()).st_ino,
        "names": names,
    }
    print(json.dumps(state), flush=True)
    notify("READY=1")
    while True:
        with listener.accept()[0] as connection:
            connection.sendall(json.dumps(state).encode() + b"\n")


if __name__ == "__main__":
    main()
