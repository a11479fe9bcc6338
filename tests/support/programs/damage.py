"""Gets a socket from a multibinder and does harm to it, in plain Python.

Usage: damage.py SOCK PARAMS ACT [--stay]

Asks the control socket SOCK to bind PARAMS (JSON), does ACT to the socket and prints {"done": ACT}. With
--stay it keeps the socket until it is killed, otherwise it exits.
"""

import argparse
import ctypes
import json
import os
import socket
import struct
import sys
import time

from datagrams import bind

SO_BINDTODEVICE = 25
SO_ATTACH_FILTER = 26
SO_LOCK_FILTER = 44
BPF_RET = 0x06

others: list[socket.socket] = []
libc = ctypes.CDLL(None, use_errno=True)


def other_of(bound: socket.socket) -> socket.socket:
    """Another socket of the same kind, to connect to."""
    other = socket.socket(bound.family, bound.type)
    if bound.family == socket.AF_UNIX:
        other.bind(f"\0damage-{os.getpid()}-{len(others)}")
    else:
        other.bind(("::1" if bound.family == socket.AF_INET6 else "127.0.0.1", 0))
    if bound.type != socket.SOCK_DGRAM:
        other.listen(1)
    others.append(other)
    return other


def shut_down(bound: socket.socket, how: int) -> None:
    try:
        bound.shutdown(how)
    except OSError:
        pass  # shutdown(2) takes effect on a UDP socket and reports ENOTCONN.


def disconnect(bound: socket.socket) -> None:
    if libc.connect(bound.fileno(), bytes(16), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect AF_UNSPEC")


def connect_elsewhere(bound: socket.socket) -> None:
    if bound.type == socket.SOCK_STREAM:
        disconnect(bound)
    bound.connect(other_of(bound).getsockname())


def move(bound: socket.socket) -> None:
    """Binds it to another port. With a port that was asked for by number the kernel refuses."""
    disconnect(bound)
    host = "::1" if bound.family == socket.AF_INET6 else "127.0.0.1"
    try:
        bound.bind((host, 0))
    except OSError:
        pass
    if bound.type == socket.SOCK_STREAM:
        bound.listen(1)


def drop_everything(bound: socket.socket) -> None:
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, 0))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(instruction))
    bound.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def lock_filter(bound: socket.socket) -> None:
    drop_everything(bound)
    bound.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)


def use_device(bound: socket.socket) -> None:
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    bound.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, names[0].encode())


def clear_reuse(bound: socket.socket) -> None:
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    lock_filter(bound)


def change_v6only(bound: socket.socket) -> None:
    """Serves IPv4 if it did not, and the other way round, at the same port."""
    host, port, *_ = bound.getsockname()
    if bound.type == socket.SOCK_STREAM:
        bound.shutdown(socket.SHUT_RDWR)
    disconnect(bound)
    before = bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 - before)
    bound.bind((host, port))
    if bound.type == socket.SOCK_STREAM:
        bound.listen(1)


def unlink(bound: socket.socket) -> None:
    os.unlink(bound.getsockname())


def rename(bound: socket.socket) -> None:
    path = bound.getsockname()
    os.rename(path, f"{path}.{time.time_ns()}")


def replace_directory(bound: socket.socket) -> None:
    directory = os.path.dirname(bound.getsockname())
    os.rename(directory, f"{directory}.{time.time_ns()}")
    os.mkdir(directory)


def leave_dead_socket(bound: socket.socket) -> None:
    path = bound.getsockname()
    os.unlink(path)
    with socket.socket(socket.AF_UNIX, bound.type) as other:
        other.bind(path)


ACTS = {
    "shut down reading": lambda bound: shut_down(bound, socket.SHUT_RD),
    "shut down": lambda bound: shut_down(bound, socket.SHUT_RDWR),
    "shut down twice": lambda bound: (shut_down(bound, socket.SHUT_RDWR), shut_down(bound, socket.SHUT_RDWR)),
    "connect": connect_elsewhere,
    "disconnect": disconnect,
    "move": move,
    "listen with 1": lambda bound: bound.listen(1),
    "set O_NONBLOCK": lambda bound: bound.setblocking(False),
    "attach a filter": drop_everything,
    "lock a filter": lock_filter,
    "use another device": use_device,
    "change SO_REUSEADDR and SO_REUSEPORT": clear_reuse,
    "change IPV6_V6ONLY": change_v6only,
    "unlink": unlink,
    "rename": rename,
    "replace the directory": replace_directory,
    "leave a dead socket": leave_dead_socket,
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("params", type=json.loads)
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("--stay", action="store_true")
    arguments = parser.parse_args()

    bound = bind(arguments.path, arguments.params)
    ACTS[arguments.act](bound)
    print(json.dumps({"done": arguments.act}), flush=True)
    if arguments.stay:
        while True:
            time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
