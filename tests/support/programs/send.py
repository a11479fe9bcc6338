"""Sends to a socket that a multibinder has bound, in plain Python.

Usage: send.py KIND ADDRESS MESSAGE...

KIND is tcp, udp, unix, seqpacket or unixgram; ADDRESS is HOST:PORT, a path, or @name. Sends each
MESSAGE, over a connection of its own where the kind has them, and prints each answer as a line
of JSON.
"""

import json
import os
import socket
import sys
import tempfile

TYPES = {
    "tcp": socket.SOCK_STREAM,
    "udp": socket.SOCK_DGRAM,
    "unix": socket.SOCK_STREAM,
    "seqpacket": socket.SOCK_SEQPACKET,
    "unixgram": socket.SOCK_DGRAM,
}

kind, text, *messages = sys.argv[1:]
if kind in ("tcp", "udp"):
    host, port = text.rsplit(":", 1)
    address = (host.strip("[]"), int(port))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
else:
    address = "\0" + text[1:] if text.startswith("@") else text
    family = socket.AF_UNIX

with tempfile.TemporaryDirectory() as directory:
    for number, message in enumerate(messages):
        with socket.socket(family, TYPES[kind]) as client:
            client.settimeout(30)
            if kind == "unixgram":
                client.bind(os.path.join(directory, str(number)))
            client.connect(address)
            client.send(message.encode())
            print(json.dumps({"answer": client.recv(65536).decode()}), flush=True)
