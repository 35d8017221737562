"""The few JSON-RPC calls that running a node takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from oracle.chain.devnet.errors import DevChainFailed
from oracle.chain.errors import RpcRefused


class JsonRpc:
    """One endpoint on this machine. Not safe for use by several threads at once."""

    def __init__(self, url: str, *, timeout_s: float = 120.0) -> None:
        # Proxies of the environment are for the world outside, not for loopback.
        self._client = httpx2.Client(base_url=url, timeout=timeout_s, trust_env=False)

    def call(self, method: str, *params: object) -> Any:
        """The result. Raises: RpcRefused, or DevChainFailed when the node does not answer."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = self._client.post("/", json=request).json()
        except (httpx2.HTTPError, ValueError) as exc:
            raise DevChainFailed(f"Anvil does not answer {method}: {exc!r}") from exc
        if "error" in answer:
            raise RpcRefused(method, int(answer["error"]["code"]), str(answer["error"]["message"]))
        return answer["result"]

    def number(self, method: str, *params: object) -> int:
        return int(self.call(method, *params), 16)

    def block_number(self, tag: str) -> int:
        """Height of the block that a tag ("latest", "finalized") stands for."""
        return int(self.call("eth_getBlockByNumber", tag, False)["number"], 16)

    def close(self) -> None:
        self._client.close()


@contextmanager
def json_rpc(url: str) -> Iterator[JsonRpc]:
    """A client for the length of a block."""
    client = JsonRpc(url)
    try:
        yield client
    finally:
        client.close()
