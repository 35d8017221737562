"""The HTTP application on a port of this machine, as clients meet it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from oracle import app as app_module
from oracle.api import server
from oracle.settings import Settings
from support.waiting import wait_for


@contextmanager
def serving(settings: Settings, host: str = "127.0.0.1") -> Iterator[tuple[str, int]]:
    """The application behind our server, on a free port of that host. Yields: host and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    config = uvicorn.Config(
        app_module.create_app(settings),
        http=server.ImpatientProtocol,
        log_level="error",
        timeout_graceful_shutdown=2,
    )
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, args=([listener],))
    thread.start()
    wait_for(lambda: uvicorn_server.started, timeout_s=120)
    try:
        yield host, listener.getsockname()[1]
    finally:
        uvicorn_server.should_exit = True
        thread.join(timeout=20)
        listener.close()
