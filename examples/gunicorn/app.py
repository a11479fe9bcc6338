"""A WSGI application under gunicorn on a socket of the daemon; SIGHUP reloads it gracefully:

    multibinder-client run 127.0.0.1:8000 -- \
      gunicorn --preload --workers 2 --chdir examples/gunicorn app:app

gunicorn takes its sockets from LISTEN_FDS and sends READY=1 to NOTIFY_SOCKET. With --preload it
loads the application first, so that an application that does not load never takes over.
"""

import os


def app(environ, start_response):
    body = f"hello from gunicorn {os.getpid()}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
