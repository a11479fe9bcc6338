"""A web service that replaces itself on SIGUSR2: self_replacing.py CODE

It starts itself as a child, sends MAINPID= with the child's PID, and exits with CODE. Each connection to
descriptor 3 gets one answer: the PID.
"""

import os
import signal
import socket
import sys
import threading
import time


def notify(message: str) -> None:
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + name[1:] if name[0] == "@" else name)
        manager.sendall(message.encode())


def replace(*_: object) -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv], os.environ)
    notify(f"MAINPID={child}")
    os._exit(int(sys.argv[1]))


def end_with_run() -> None:
    """A failed test kills `run`, which then cannot end this program."""
    while os.getppid() != 1:
        time.sleep(0.2)
    os._exit(1)


signal.signal(signal.SIGUSR2, replace)
threading.Thread(target=end_with_run, daemon=True).start()
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
