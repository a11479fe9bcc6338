"""A WSGI application under gunicorn on a socket of the daemon's, replaced without a gap by SIGHUP:

    multibinder-client run 127.0.0.1:8000 -- \
      gunicorn --preload --workers 2 --chdir examples/gunicorn app:app

gunicorn takes its sockets from LISTEN_FDS, and tells by NOTIFY_SOCKET when it is ready: with
--preload after the application has been loaded, so that one that cannot be loaded never takes over.
"""

import os


def app(environ, start_response):
    body = f"hello from gunicorn {os.getpid()}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
