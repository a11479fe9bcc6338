"""A web service that behaves as the test wants: service.py PLAN

PLAN is a file of JSON that is read at the start, so that the next start is another version:

  name     what it answers with
  ready    "notify": says READY=1 when it serves; "status": says STATUS=loading and nothing more;
           "chatty": says more than a socket's queue holds, then READY=1, then as much again;
           "silent" (default): says nothing
  crash    ends at once with this exit code
  code     ends with this exit code on SIGTERM (default: 0)
  ignore   takes no notice of SIGTERM
  hold     does not serve before the file "go_on" exists
  child    has a child that holds the socket and does not end with it

Each connection to descriptor 3 gets one answer, which says who gave it, as JSON.
"""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time

directory = pathlib.Path(sys.argv[1]).parent
plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
if "crash" in plan:
    sys.exit(plan["crash"])


def notify(message: str) -> None:
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + name[1:] if name[0] == "@" else name)
        manager.sendall(message.encode())


def wait_for_permission() -> None:
    while not (directory / "go_on").exists():
        time.sleep(0.01)


ending = False


def end(number: int, _: object) -> None:
    global ending
    print(signal.Signals(number).name, flush=True)
    ending = True


woken, wake = socket.socketpair()
wake.setblocking(False)
woken.setblocking(False)
signal.set_wakeup_fd(wake.fileno())
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
    signal.signal(each, (lambda *_: None) if plan.get("ignore") else end)
signal.signal(signal.SIGUSR1, lambda *_: print("SIGUSR1", flush=True))
if plan.get("child"):
    left = subprocess.Popen(["sleep", "600"], pass_fds=[3])
    print(f"left {left.pid}", flush=True)
if plan.get("hold"):
    wait_for_permission()
listener = socket.socket(fileno=3)
listener.setblocking(False)
if plan.get("ready") == "notify":
    notify("STATUS=serving\nREADY=1")
elif plan.get("ready") == "status":
    notify("STATUS=loading")
elif plan.get("ready") == "chatty":
    for number in range(200):
        notify(f"STATUS={number}")
    notify("READY=1")
    for number in range(200):
        notify(f"STATUS={number}")


def serve(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(4096)
        if not part:
            return
        request += part
    if request.startswith(b"GET /slow "):
        print("slow", flush=True)
        wait_for_permission()
    variables = {name: value for name, value in os.environ.items() if "LISTEN" in name or "." in name}
    answer = {
        "name": plan["name"],
        "pid": os.getpid(),
        "pgid": os.getpgid(0),
        "variables": variables,
        "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    }
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)


print(f"{plan['name']} serves", flush=True)
while not ending:
    ready, _, _ = select.select([listener, woken], [], [])
    if woken in ready:
        woken.recv(64)
        continue
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        continue  # Another holder of the socket was faster.
    with connection:
        connection.setblocking(True)
        serve(connection)
sys.exit(plan.get("code", 0))
