"""A web service with the behaviour that a test plans: service.py PLAN

PLAN is a JSON file that is read at the start, so each start can be another version:

  name     the name in its answers
  ready    "notify": sends READY=1 when it serves; "status": sends only STATUS=loading;
           "chatty": sends more than the queue of the socket holds, then READY=1, then as much again;
           "silent" (default): sends nothing
  crash    exits at once with this code
  code     exits with this code on SIGTERM (default: 0)
  ignore   ignores SIGTERM
  hold     serves only once the file "go_on" exists
  unprepared handles signals, and serves, only once the file "go_on" exists
  child    has a child that holds the socket and outlives it
  alive    sends WATCHDOG=1 twice a second and prints "alive"; without it, at each request of /alive
  unabortable ignores SIGABRT
  stubborn has a child that ignores SIGTERM
  busy     prints "asked" and answers with status 503 until the file "go_on" exists

A request for /end ends it after the answer, as SIGTERM does. Each connection to descriptor 3 gets one answer, JSON with the name and the PID.
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


if plan.get("unprepared"):
    wait_for_permission()
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
    signal.signal(each, (lambda *_: print("ignored", flush=True)) if plan.get("ignore") else end)
signal.signal(signal.SIGUSR1, lambda *_: print("SIGUSR1", flush=True))
if plan.get("child"):
    left = subprocess.Popen(["sleep", "600"], pass_fds=[3])
    print(f"left {left.pid}", flush=True)
if plan.get("unabortable"):
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
if plan.get("stubborn"):
    left = subprocess.Popen(["sh", "-c", "trap '' TERM; echo left $$; while :; do sleep 0.1; done"])
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
    global ending
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(4096)
        if not part:
            return
        request += part
    if request.startswith(b"GET /alive "):
        notify("WATCHDOG=1")
    if request.startswith(b"GET /slow "):
        print("slow", flush=True)
        wait_for_permission()
    status = "200 OK"
    if plan.get("busy"):
        print("asked", flush=True)
        if not (directory / "go_on").exists():
            status = "503 Service Unavailable"
    variables = {name: value for name, value in os.environ.items() if "LISTEN" in name or "WATCHDOG" in name or "." in name}
    answer = {
        "name": plan["name"],
        "pid": os.getpid(),
        "pgid": os.getpgid(0),
        "variables": variables,
        "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    }
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)
    if request.startswith(b"GET /end "):
        ending = True


print(f"{plan['name']} serves", flush=True)
while not ending:
    ready, _, _ = select.select([listener, woken], [], [], 0.5 if plan.get("alive") else None)
    if plan.get("alive"):
        notify("WATCHDOG=1")
        print("alive", flush=True)
    if not ready:
        continue
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
