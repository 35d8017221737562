"""web3 on our endpoints: it encodes, deploys and waits, they choose who answers and name every
failure.
"""

from typing import Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCError, RPCResponse

from oracle.chain.core.wire import hexed
from oracle.chain.errors import ChainError, RpcRefused
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.rpc.endpoints import EndpointSet


class EndpointProvider(JSONBaseProvider):
    """Hands web3's calls to an endpoint or a set of them; outages raise as there
    (ChainUnavailable).

    Off-chain lookups stay off, for the reason `Endpoint` gives.
    """

    def __init__(self, endpoint: Endpoint | EndpointSet) -> None:
        super().__init__()
        self.global_ccip_read_enabled = False
        self._endpoint = endpoint

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """A JSON-RPC answer, or the error that web3 knows how to read."""
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": self._endpoint.request(method, *params)}
        except RpcRefused as exc:
            error = RPCError(code=exc.rpc_code, message=exc.reason)
            if exc.data:
                error["data"] = hexed(exc.data)
            return {"jsonrpc": "2.0", "id": 1, "error": error}

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the endpoint answers."""
        try:
            self._endpoint.request("eth_chainId")
        except ChainError:
            if show_traceback:
                raise
            return False
        return True


def web3_on(endpoint: Endpoint | EndpointSet) -> Web3:
    """web3 on an endpoint of ours."""
    return Web3(EndpointProvider(endpoint))
