"""Receives or answers on a socket of a multibinder, in plain Python.

Usage: datagrams.py SOCK PARAMS COUNT [--answer]

Asks the control socket SOCK to bind PARAMS (JSON), prints {"ready": ...}, then takes COUNT messages
(datagrams, or the first message of COUNT connections) and prints each as {"message": ...}; with
--answer each is sent back in capital letters to where it came from.
"""

import argparse
import array
import json
import socket
import sys

TYPES_WITH_CONNECTIONS = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET)


def bind(path: str, params: dict) -> socket.socket:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.settimeout(30)
        control.connect(path)
        request = {"jsonrpc": "2.0", "id": 1, "method": "bind", "params": [params]}
        control.sendall(json.dumps(request).encode())
        data, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(4))
        descriptors = array.array("i")
        for _, _, payload in ancillary:
            descriptors.frombytes(payload)
        answer = json.loads(data)
        if "error" in answer:
            sys.exit(answer["error"]["message"])
        return socket.socket(fileno=descriptors[0])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("params", type=json.loads)
    parser.add_argument("count", type=int)
    parser.add_argument("--answer", action="store_true")
    arguments = parser.parse_args()

    bound = bind(arguments.path, arguments.params)
    kind = socket.SocketKind(bound.type).name
    print(json.dumps({"ready": kind, "blocking": bound.getblocking()}), flush=True)
    for _ in range(arguments.count):
        if bound.type in TYPES_WITH_CONNECTIONS:
            connection, _ = bound.accept()
            with connection:
                message = connection.recv(65536)
                if arguments.answer:
                    connection.send(message.upper())
        else:
            message, sender = bound.recvfrom(65536)
            if arguments.answer:
                bound.sendto(message.upper(), sender)
        print(json.dumps({"message": message.decode()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
