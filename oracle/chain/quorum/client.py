"""Requests to other signers that end in time, however slowly the other side speaks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2
from anyio import fail_after
from anyio.from_thread import start_blocking_portal

HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
KEPT_FOR_S = 20.0  # a signer's port closes a connection that is silent for 30 s

T = TypeVar("T")


class PeerClient:
    """An HTTP client for conversations with a limit on the whole of each, on an event loop of its
    own.

    No proxy, cookie, redirect or compression: signers speak to each other directly.

    Args: longest_silence_s: How long the other side may say nothing at all.
    """

    def __init__(self, longest_silence_s: float) -> None:
        self._http = httpx2.AsyncClient(
            headers=HEADERS,
            timeout=httpx2.Timeout(longest_silence_s, pool=None),
            limits=httpx2.Limits(keepalive_expiry=KEPT_FOR_S),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )
        self._loop = ExitStack()
        self._portal = self._loop.enter_context(start_blocking_portal(name="peer-client"))
        self._loop.callback(self._portal.call, self._http.aclose)
        self._under_way: set[Future[Any]] = set()
        self._cancelled = False

    def run(self, conversation: Callable[[], Awaitable[T]]) -> T:
        """Hold a conversation to its end.

        Raises: OSError once all are cancelled, and what it raises.
        """
        future = self._portal.start_task_soon(conversation)
        self._under_way.add(future)
        if self._cancelled:
            future.cancel()
        try:
            return future.result()
        except CancelledError as exc:
            raise ConnectionAbortedError("this signer is closing") from exc
        finally:
            self._under_way.discard(future)

    @asynccontextmanager
    async def post(self, url: str, body: bytes, within_s: float) -> AsyncIterator[httpx2.Response]:
        """Post JSON; the answer is read in the block. Raises: OSError, here or while it is read."""
        try:
            with fail_after(within_s):
                async with self._http.stream("POST", url, content=body) as response:
                    yield response
        except TimeoutError as exc:
            raise TimeoutError(f"no answer within {within_s:.0f} s") from exc
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            raise ConnectionError(str(exc) or type(exc).__name__) from exc

    def cancel(self) -> None:
        """End what is under way at once, and begin nothing any more."""
        self._cancelled = True
        for future in list(self._under_way):
            future.cancel()

    def close(self) -> None:
        """Cancel, and close all connections."""
        self.cancel()
        self._loop.close()
