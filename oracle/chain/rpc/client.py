"""The gateway to the chain: typed reads and sends, over endpoints that may fail or lie."""

from collections.abc import Sequence
from typing import Any

from oracle.chain.core.abis import ContractAbi, contract
from oracle.chain.core.deployment import Deployment
from oracle.chain.core.fees import FeeLimits, suggest
from oracle.chain.core.reverts import ContractReverted, Revert, decode_revert
from oracle.chain.core.transaction import Fee
from oracle.chain.core.wire import (
    BlockId,
    Header,
    Log,
    Receipt,
    SentTransaction,
    address_bytes,
    blob,
    block_id,
    hexed,
    number,
    parse_header,
    parse_log,
    parse_receipt,
    parse_transaction,
)
from oracle.chain.errors import BlockUnknown, NotDeployed, RpcRefused, WrongChain
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.rpc.endpoints import EndpointSet
from oracle.chain.rpc.provider import web3_on

REQUESTED = "VerificationRequested"
OPENED = "CommitmentOpened"
FULFILLED = "VerificationFulfilled"  # the hub's, for requests
RECORDED = "PostResultRecorded"  # the registry's, for each report that it wrote
ESTIMATE_BATCH = 16
SKIPPED = "ReportSkipped"


class ChainClient:
    """Reads and sends for one deployment on one chain."""

    def __init__(
        self,
        endpoints: Endpoint | Sequence[Endpoint],
        deployment: Deployment,
        *,
        fee_limits: FeeLimits | None = None,
        finality_depth: int | None = None,
    ) -> None:
        """
        Args:
            finality_depth: Depth in blocks that counts as final, for chains without finalized
                blocks.
        """
        endpoint_list = [endpoints] if isinstance(endpoints, Endpoint) else endpoints
        self.endpoint = EndpointSet(endpoint_list, chain_id=deployment.chain_id)
        self.web3 = web3_on(self.endpoint)
        self.deployment = deployment
        self.fee_limits = fee_limits or FeeLimits()
        self.hub = address_bytes(deployment.hub)
        self.roots = address_bytes(deployment.result_roots)
        self.hub_abi: ContractAbi = contract("PoCHub")
        self.posts = address_bytes(deployment.post_registry)
        self.posts_abi: ContractAbi = contract("PostRegistry")
        self._finality_depth = finality_depth

    @property
    def chain_id(self) -> int:
        """The chain this oracle is bound to."""
        return self.deployment.chain_id

    def check(self) -> None:
        """Check that the endpoint serves our chain and hub, and that the chain is the one that they
        were deployed to.

        Raises: WrongChain, NotDeployed.
        """
        chain_id = number(self.endpoint.request("eth_chainId"))
        if chain_id != self.chain_id:
            raise WrongChain(
                f"{self.endpoint.name} serves chain {chain_id}; this oracle is bound to"
                f" {self.chain_id}."
            )
        if not blob(self.endpoint.request("eth_getCode", self.deployment.hub, "latest")):
            raise NotDeployed(f"There is no hub at {self.deployment.hub} on chain {self.chain_id}.")
        # An id and an address may come again on a chain made anew; the hash of a block does not.
        number_, expected = self.deployment.block_number, blob(self.deployment.block_hash)
        header = self.find_header(number_)
        if header is not None and header.hash != expected:
            raise WrongChain(
                f"Block {number_} of {self.endpoint.name} is {hexed(header.hash)}; the contracts"
                f" were deployed in {hexed(expected)}. The chain was made anew, or is another one"
                " with the same id: point CHAIN_RPC_URL to the chain of the deployment file, or"
                " deploy again and start with an empty database."
            )

    # Blocks

    def look(self, known_final: tuple[int, bytes] | None) -> tuple[Header, Header]:
        """Return head and finalized block, from an endpoint that the others do not contradict.

        Args:
            known_final: Height and hash of the block that was final before, if there is one.
        Raises: ChainUnavailable, WrongChain, EndpointInconsistent, BlockUnknown.
        """
        agreed = self.endpoint.look(known_final)
        head = self.head()
        if agreed is None or self._finality_depth is not None:
            return head, self.finalized(head)
        return head, self.header(agreed)

    def head(self) -> Header:
        return self.header("latest")

    def finalized(self, head: Header) -> Header:
        """Return the last block that cannot be undone; the genesis block until there is one."""
        if self._finality_depth is not None:
            return self.header(max(0, head.number - self._finality_depth))
        return self.find_header("finalized") or self.header(0)

    def header(self, block: BlockId) -> Header:
        """Read a header by height, hash or tag. Raises: BlockUnknown if the endpoint has none."""
        header = self.find_header(block)
        if header is None:
            raise BlockUnknown(f"{self.endpoint.name} does not know block {block!r}.")
        return header

    def find_header(self, block: BlockId) -> Header | None:
        """Read a header by height, hash or tag; None where the endpoint has none."""
        method = "eth_getBlockByHash" if isinstance(block, bytes) else "eth_getBlockByNumber"
        try:
            header = self.endpoint.request(method, block_id(block), False)
        except RpcRefused as exc:
            # Before the first epoch geth answers "finalized block not found" with an error instead
            # of null.
            if "not found" in exc.reason or "unknown block" in exc.reason.lower():
                return None
            raise
        return None if header is None else parse_header(header)

    # Events

    def logs_of_block(self, block_hash: bytes, *, topics: Sequence[object] = ()) -> list[Log]:
        """Read logs of the hub in one block.

        Raises: BlockUnknown if the endpoint does not have it (any more).
        """
        try:
            return self._logs({"blockHash": hexed(block_hash), "topics": list(topics)})
        except RpcRefused as exc:
            raise BlockUnknown(f"Block 0x{block_hash.hex()}: {exc.reason}") from exc

    def logs_between(
        self, first: int, last: int, *, topics: Sequence[object] = (), address: str | None = None
    ) -> list[Log]:
        """Read logs of the hub (or another contract) in a range of heights, ends included.

        The endpoint may refuse wide ranges.
        """
        return self._logs(
            {"fromBlock": hex(first), "toBlock": hex(last), "topics": list(topics)}, address
        )

    def answer_of(self, entry: Log) -> bytes | None:
        """Return the id (32 bytes) of the request or attestation that a log says was settled; None
        for any other log.
        """
        if entry.address == self.hub and entry.topics[0] == self.hub_abi.topic(FULFILLED):
            return entry.topics[1]
        if entry.address == self.posts and entry.topics[0] == self.posts_abi.topic(RECORDED):
            return entry.topics[2]
        return None

    def logs_in_receipts(self, block_hash: bytes) -> list[Log]:
        """Read logs of the hub in one block from its receipts, as a check on `logs_of_block`."""
        receipts = self.endpoint.request("eth_getBlockReceipts", hexed(block_hash))
        if receipts is None:
            raise BlockUnknown(
                f"{self.endpoint.name} has no receipts of block 0x{block_hash.hex()}."
            )
        logs = (log for receipt in receipts for log in parse_receipt(receipt).logs)
        return [log for log in logs if log.address == self.hub]

    def _logs(self, query: dict[str, object], address: str | None = None) -> list[Log]:
        logs = self.endpoint.request(
            "eth_getLogs", query | {"address": address or self.deployment.hub}
        )
        return [parse_log(log) for log in logs]

    # Accounts and transactions

    def account_nonce(self, account: bytes, block: BlockId = "latest") -> int:
        """Read the next nonce of an account as of a block."""
        return number(
            self.endpoint.request("eth_getTransactionCount", hexed(account), block_id(block))
        )

    def balance_wei(self, account: bytes) -> int:
        return number(self.endpoint.request("eth_getBalance", hexed(account), "latest"))

    def fee(self) -> Fee:
        """Return the fee to offer now. Raises: FeeCapReached."""
        history = self.endpoint.request("eth_feeHistory", hex(10), "latest", [50])
        # A block without transactions reports a reward of zero, which says nothing about the usual
        # tip.
        rewards = [number(row[0]) for row in history.get("reward") or [] if number(row[0])]
        return suggest(number(history["baseFeePerGas"][-1]), rewards, self.fee_limits)

    def send(self, raw: bytes) -> None:
        """Send signed bytes.

        Success does not prove inclusion, and failure does not disprove it.
        """
        self.endpoint.send("eth_sendRawTransaction", hexed(raw))

    def find_receipt(self, tx_hash: bytes) -> Receipt | None:
        return self.find_receipts([tx_hash])[0]

    def find_receipts(self, tx_hashes: Sequence[bytes]) -> list[Receipt | None]:
        """Read the receipts of these transactions, in order; None where no block holds one."""
        calls = [("eth_getTransactionReceipt", [hexed(tx_hash)]) for tx_hash in tx_hashes]
        return [
            None if receipt is None else parse_receipt(receipt)
            for receipt in self.endpoint.batch(calls)
        ]

    def find_transaction(self, tx_hash: bytes) -> SentTransaction | None:
        """Find what a transaction does, in a block or in the pool; None if it is unknown."""
        found = self.endpoint.request("eth_getTransactionByHash", hexed(tx_hash))
        return None if found is None else parse_transaction(found)

    def is_known(self, tx_hash: bytes) -> bool:
        """Tell whether the endpoint has this transaction, waiting or mined."""
        return self.endpoint.request("eth_getTransactionByHash", hexed(tx_hash)) is not None

    def find_sent(self, account: bytes, nonce: int, up_to: int) -> SentTransaction | None:
        """Find the mined transaction that spent a nonce, by the state of blocks up to a height.

        Returns: None where the endpoint does not keep the state of its block any more.
        Raises: BlockUnknown, ChainUnavailable.
        """

        def is_spent(height: int) -> bool:
            try:
                return self.account_nonce(account, height) > nonce
            except RpcRefused:
                return False

        # Latest first: many endpoints keep the state of the last 128 blocks only.
        high, low, stride = up_to, up_to - 1, 1
        while low > self.deployment.block_number and is_spent(low):
            high, low, stride = low, low - 2 * stride, 2 * stride
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_spent(middle) else (middle, high)
        block = self.endpoint.request("eth_getBlockByNumber", hex(high), True)
        if block is None:
            raise BlockUnknown(f"{self.endpoint.name} does not know block {high}.")
        for found in block["transactions"]:
            if blob(found["from"]) == account and number(found["nonce"]) == nonce:
                return parse_transaction(found)
        return None

    def report_selectors(self) -> tuple[bytes, ...]:
        """The selectors (4 bytes) of the calls that bring reports to the hub or to the roots."""
        names = ("attest", "fulfill", "postRoot")
        return (*self.hub_abi.selectors(names), *contract("ResultRoots").selectors(names))

    # Calls

    def call_raw(
        self, to: bytes, data: bytes, *, sender: bytes | None = None, block: BlockId = "latest"
    ) -> bytes:
        """Return the bytes a call returns. Raises: ContractReverted, decoded."""
        call = {"to": hexed(to), "data": hexed(data)} | ({"from": hexed(sender)} if sender else {})
        try:
            return blob(self.endpoint.request("eth_call", call, block_id(block)))
        except RpcRefused as exc:
            if (revert := _find_revert(exc)) is None:
                raise
            raise ContractReverted(revert) from exc

    def estimate_gas_of_each(
        self, to: bytes, calls: Sequence[bytes], *, sender: bytes
    ) -> list[int | Revert | RpcRefused]:
        """Estimate the gas of each call alone, on the same state.

        A Revert stands for one that reverts, a refusal for one that the endpoint says nothing of:
        funds that are missing, say.
        """
        results: list[int | Revert | RpcRefused] = []
        for at in range(0, len(calls), ESTIMATE_BATCH):
            batch = [
                (
                    "eth_estimateGas",
                    [{"from": hexed(sender), "to": hexed(to), "data": hexed(data)}, "pending"],
                )
                for data in calls[at : at + ESTIMATE_BATCH]
            ]
            for answer in self.endpoint.batch_or_errors(batch):
                refused = isinstance(answer, RpcRefused)
                results.append((_find_revert(answer) or answer) if refused else number(answer))
        return results

    def read(
        self, name: str, address: str, function: str, *args: object, block: BlockId = "latest"
    ) -> Any:
        """Call a view function of one of our contracts; several return values come as a tuple."""
        abi = contract(name)
        data = self.call_raw(address_bytes(address), abi.call_data(function, *args), block=block)
        values = abi.answer(function, data)
        return values[0] if len(values) == 1 else values

    def read_struct(
        self, name: str, address: str, function: str, *args: object, block: BlockId = "latest"
    ) -> dict[str, Any]:
        """Call a view function that returns a struct; its fields by their Solidity names."""
        abi = contract(name)
        return abi.struct(
            function,
            self.call_raw(address_bytes(address), abi.call_data(function, *args), block=block),
        )

    def hub_read(self, function: str, *args: object, block: BlockId = "latest") -> Any:
        return self.read("PoCHub", self.deployment.hub, function, *args, block=block)


def _find_revert(refusal: RpcRefused) -> Revert | None:
    """Decode the revert of a refused call; None if it is no revert."""
    # Code 3 is "execution reverted" (geth, Anvil); a revert without data keeps only the words.
    if refusal.data or refusal.rpc_code == 3 or "revert" in refusal.reason.lower():
        return decode_revert(refusal.data)
    return None
