"""A raw client for a multibinder control socket, in plain Python.

Usage: client.py SOCK JSON [--answers N] [--pieces] [--timeout SECONDS]

Sends the text JSON exactly as it is given (no newline is added; with --pieces one byte per send)
and reads until N answers (default 1) have come or the server closes. Prints one JSON line for each
answer: {"answer": ..., "newline": bool, "descriptors": [{"family", "type", "local", "listening",
"blocking", "close_on_exec", "inode"}]}. Two descriptors of one socket have the same inode.

A last line says what went wrong: {"closed": true}, {"timeout": true} or {"truncated": true}
(ancillary data cut off), with the bytes that were no complete answer in "rest". Exit codes:
0 N answers, 1 fewer, 2 wrong usage.
"""

import argparse
import array
import fcntl
import json
import os
import socket
import sys
import time

MOST_DESCRIPTORS = 253
"""The kernel passes no more in one message (SCM_MAX_FD)."""


def describe(descriptor: int) -> dict:
    """What is observable about a received socket, without accepting on it. Closes it."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    descriptor_flags = fcntl.fcntl(descriptor, fcntl.F_GETFD)
    with socket.socket(fileno=descriptor) as received:
        local = received.getsockname()
        if isinstance(local, bytes):
            local = local.decode("utf-8", "backslashreplace")
        return {
            "family": received.family.name,
            "type": received.type.name,
            "local": local,
            "listening": bool(received.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)),
            "blocking": not flags & os.O_NONBLOCK,
            "close_on_exec": bool(descriptor_flags & fcntl.FD_CLOEXEC),
            "inode": os.fstat(received.fileno()).st_ino,
        }


def take_answers(pending: bytes) -> tuple[list[tuple[object, bool]], bytes]:
    """Splits what has come into complete answers, each with whether a newline ended it, and a rest."""
    answers = []
    decoder = json.JSONDecoder()
    try:
        text = pending.decode("utf-8")
    except UnicodeDecodeError:
        return answers, pending
    while text:
        try:
            answer, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            break
        newline = text[end : end + 1] == "\n"
        answers.append((answer, newline))
        text = text[end + newline :]
    return answers, text.encode("utf-8")


def receive(connection: socket.socket) -> tuple[bytes, list[int], bool]:
    """One message: its bytes, its descriptors (close-on-exec), and whether ancillary data was cut off."""
    room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    data, ancillary, flags, _ = connection.recvmsg(1 << 16, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return data, descriptors.tolist(), bool(flags & socket.MSG_CTRUNC)


def send(connection: socket.socket, request: bytes, pieces: bool) -> None:
    if not pieces:
        connection.sendall(request)
        return
    for byte in request:
        connection.sendall(bytes([byte]))
        time.sleep(0.0002)  # Lets the server wake, so that the bytes do arrive apart.


def print_line(line: dict) -> None:
    print(json.dumps(line), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(usage="client.py SOCK JSON [--answers N] [--pieces] [--timeout SECONDS]")
    parser.add_argument("path")
    parser.add_argument("request")
    parser.add_argument("--answers", type=int, default=1)
    parser.add_argument("--pieces", action="store_true")
    parser.add_argument("--timeout", type=float, default=10.0)
    arguments = parser.parse_args()

    printed = 0
    pending = b""
    unclaimed: list[int] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(arguments.timeout)
        connection.connect(arguments.path)
        end = {}
        try:
            send(connection, arguments.request.encode("utf-8", "surrogateescape"), arguments.pieces)
        except (BrokenPipeError, ConnectionResetError):
            pass  # A server may refuse half a request; its answer can still be read.
        while printed < arguments.answers and not end:
            try:
                data, descriptors, truncated = receive(connection)
            except TimeoutError:
                end = {"timeout": True}
                break
            except ConnectionResetError:
                data, descriptors, truncated = b"", [], False
            unclaimed += descriptors
            if truncated:
                end = {"truncated": True}
            elif not data:
                end = {"closed": True}
            answers, pending = take_answers(pending + data)
            for position, (answer, newline) in enumerate(answers):
                # The kernel never joins anything behind a message with descriptors, only before it:
                # they belong to the last answer of what was read.
                is_last = position == len(answers) - 1
                received = [describe(descriptor) for descriptor in unclaimed] if is_last else []
                if is_last:
                    unclaimed = []
                print_line({"answer": answer, "newline": newline, "descriptors": received})
                printed += 1
    if end:
        rest = pending.decode("utf-8", "backslashreplace")
        print_line({**end, "rest": rest, "descriptors": [describe(descriptor) for descriptor in unclaimed]})
    return 0 if printed >= arguments.answers else 1


if __name__ == "__main__":
    sys.exit(main())
