"""A web service that replaces itself on SIGUSR2: self_replacing.py CODE

It starts itself as a child, sends MAINPID= with the child's PID, and exits with CODE. Each connection to
descriptor 3 gets one answer: the PID.
"""

import os
import signal
import socket
import sys


def notify(message: str) -> None:
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + name[1:])
        manager.sendall(message.encode())


def replace(*_: object) -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv], os.environ)
    notify(f"MAINPID={child}")
    os._exit(int(sys.argv[1]))


signal.signal(signal.SIGUSR2, replace)
listener = socket.socket(fileno=3)
listener.set_inheritable(True)
notify("READY=1")
print(f"{os.getpid()} serves", flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        body = str(os.getpid())
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
