"""The courthouse, served to a browser: what people click is mined on its chain."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import uvicorn

from oracle import app as app_module
from support.courthouse import Courthouse
from support.site import Site

P = ParamSpec("P")
T = TypeVar("T")


def aside(step: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run a step in a thread of its own: the browser's loop runs in the test's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(step, *args, **options).result()


@contextmanager
def serve_courthouse(house: Courthouse) -> Iterator[Site]:
    """Serve the application over the courthouse's database and chain."""
    server = uvicorn.Server(
        uvicorn.Config(app_module.create_app(house.settings), port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield Site(url, house.platform, {"operator": "operator"})
    finally:
        server.should_exit = True
        thread.join()
