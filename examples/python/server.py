"""Python's http.server on a socket of the daemon; SIGHUP reloads it gracefully:

    multibinder-client run 127.0.0.1:8000 -- python3 examples/python/server.py
"""

import http.server
import os
import signal
import socket
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"hello from python {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        # A persistent connection would block server_close().
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    # With this, server_close() waits for requests in progress.
    daemon_threads = False

    def __init__(self, listener):
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener


listener = socket.socket(fileno=3)
# If another process accepts the connection first, accept must not block.
listener.setblocking(False)
server = Server(listener)
# shutdown() waits for serve_forever(), which runs in this thread.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.1)
server.server_close()
