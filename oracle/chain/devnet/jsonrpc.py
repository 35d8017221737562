"""A small JSON-RPC client for running the node."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from oracle.chain.devnet.errors import DevChainFailed
from oracle.chain.errors import ChainUnavailable
from oracle.chain.rpc.endpoint import Endpoint


class JsonRpc:
    """One endpoint on this machine. Not safe for use by several threads at once."""

    def __init__(self, url: str, *, timeout_s: float = 120.0) -> None:
        self._session = requests.Session()
        # Proxies of the environment are for remote hosts, not for loopback.
        self._session.trust_env = False
        self._endpoint = Endpoint(url, timeout_s=timeout_s, session=self._session)

    def call(self, method: str, *params: object) -> Any:
        """Return the result. Raises: RpcRefused, or DevChainFailed when there is no answer."""
        try:
            return self._endpoint.request(method, *params)
        except ChainUnavailable as exc:
            raise DevChainFailed(f"Anvil does not answer {method}: {exc}") from exc

    def number(self, method: str, *params: object) -> int:
        return int(self.call(method, *params), 16)

    def block_number(self, tag: str) -> int:
        """Return the height of the block that a tag ("latest", "finalized") stands for."""
        return int(self.call("eth_getBlockByNumber", tag, False)["number"], 16)

    def close(self) -> None:
        self._session.close()


@contextmanager
def json_rpc(url: str) -> Iterator[JsonRpc]:
    """Open a client for the duration of a with block."""
    client = JsonRpc(url)
    try:
        yield client
    finally:
        client.close()
