"""One JSON-RPC endpoint of a chain: requests and batches, with failures as our own errors."""

from collections.abc import Sequence
from typing import Any

import requests
from eth_utils.hexadecimal import decode_hex
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from oracle.chain.errors import ChainTimeout, ChainUnavailable, RpcRefused


class Endpoint:
    """An HTTP endpoint. Answers are plain JSON values: quantities as 0x-hex text, absent as None.

    Only web3's provider is used, not its method layer: that follows off-chain lookups which a
    contract asks for (EIP-3668), so any consumer could send this node to a URL of its choice.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 10.0, session: requests.Session | None = None
    ) -> None:
        self.url = url
        # No silent retries here: only the caller knows whether a call may be repeated.
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": timeout_s},
            session=session,
            exception_retry_configuration=None,
        )
        self._provider.global_ccip_read_enabled = False

    @property
    def name(self) -> str:
        """Scheme, host and port; without the path, as providers put their keys there."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}"

    def request(self, method: str, *params: object) -> Any:
        """Return the result of one call.

        Raises: ChainTimeout, ChainUnavailable, RpcRefused (with the revert's data, if any).
        """
        return _result(
            method,
            self._send(lambda: self._provider.make_request(RPCEndpoint(method), list(params))),
        )

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return the results of several calls in one round trip, in order. Raises: as `request`."""
        if not calls:
            return []
        return [
            _result(method, answer)
            for (method, _), answer in zip(calls, self._batched(calls), strict=True)
        ]

    def batch_or_errors(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return results as `batch` does, with an RpcRefused for each call that was refused."""
        if not calls:
            return []
        results: list[Any] = []
        for (method, _), answer in zip(calls, self._batched(calls), strict=True):
            try:
                results.append(_result(method, answer))
            except RpcRefused as exc:
                results.append(exc)
        return results

    def _batched(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        batch = [(RPCEndpoint(method), list(params)) for method, params in calls]
        answers = self._send(lambda: self._provider.make_batch_request(batch))
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise ChainUnavailable(f"{self.name} does not answer batches.")
        return answers

    def _send(self, send: Any) -> Any:
        try:
            return send()
        except requests.Timeout as exc:
            raise ChainTimeout(f"{self.name} did not answer in time.") from exc
        except (requests.RequestException, Web3Exception, ValueError, OSError) as exc:
            raise ChainUnavailable(f"{self.name} cannot be used: {type(exc).__name__}") from exc


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict):
        raise ChainUnavailable(f"{method} got no JSON-RPC answer.")
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    if not isinstance(error, dict):
        raise RpcRefused(method, 0, str(error))
    raise RpcRefused(
        method, int(error.get("code", 0)), str(error.get("message", "")), _revert_data(error)
    )


def _revert_data(error: dict[str, Any]) -> bytes:
    # Geth and Anvil put the revert data under "data"; some nodes nest it once more.
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    if isinstance(data, str):
        text = data.removeprefix("Reverted ")
        if text.startswith("0x"):
            try:
                return decode_hex(text)
            except ValueError:
                return b""
    return b""
