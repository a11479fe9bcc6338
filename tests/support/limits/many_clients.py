"""Connects many times and sends one request on each connection.

many_clients.py SOCK COUNT REQUEST: prints "accepted", or the text of the error,
for each connection in turn, then "done". Holds the connections until its
standard input ends.
"""

import json
import socket
import sys

path, count, request = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connections = []
for _ in range(count):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    try:
        connection.sendall(request.encode())
    except BrokenPipeError:
        pass
    answer = json.loads(connection.makefile().readline())
    error = answer.get("error")
    print(error["message"] if error else "accepted", flush=True)
    connections.append(connection)
print("done", flush=True)
sys.stdin.read()
