"""Transactions of a key that is at hand, sent by web3: to deploy, and what people do.

They are waited for, and never replaced. The oracle's own keys send by `oracle.chain.sender`, where
nobody waits.
"""

from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TimeExhausted
from web3.types import TxReceipt, Wei

from oracle.chain.core.fees import FeeLimits, suggest
from oracle.chain.core.reverts import ContractReverted, decode_revert
from oracle.chain.core.transaction import Transaction
from oracle.chain.errors import ChainTimeout
from oracle.chain.keys.signer import Signer

# an estimate is made for the state it saw; the chain may differ a little when it is mined
GAS_MARGIN_PERCENT = 25


class Account:
    """Signs here and sends one transaction after the other; nothing depends on keys that the
    endpoint holds.
    """

    def __init__(self, w3: Web3, signer: Signer, *, fee_limits: FeeLimits | None = None) -> None:
        self._w3 = w3
        self._signer = signer
        self._fee_limits = fee_limits or FeeLimits()
        self.address = to_checksum_address(signer.address)
        self.chain_id = w3.eth.chain_id
        self.nonce = int(w3.eth.get_transaction_count(self.address, "pending"))

    def send(self, to: bytes | None, data: bytes, *, value_wei: int = 0) -> HexBytes:
        """Sign and send. Returns: the transaction's hash.

        Args: to: None creates a contract.
        Raises: ContractReverted where it would revert, FeeCapReached, SigningFailed, ChainError,
            Web3Exception.
        """
        history = self._w3.eth.fee_history(10, "latest", [50.0])
        rewards = [int(row[0]) for row in history.get("reward") or [] if row[0]]
        unsigned = Transaction(
            chain_id=self.chain_id,
            nonce=self.nonce,
            to=to or b"",
            data=data,
            value_wei=value_wei,
            fee=suggest(int(history["baseFeePerGas"][-1]), rewards, self._fee_limits),
            gas=self._estimate(to, data, value_wei) * (100 + GAS_MARGIN_PERCENT) // 100,
        )
        tx_hash = self._w3.eth.send_raw_transaction(HexBytes(unsigned.sign(self._signer).raw))
        self.nonce += 1
        return tx_hash

    def wait(self, tx_hash: HexBytes, timeout_s: float) -> TxReceipt:
        """The receipt, as soon as a block holds the transaction.

        Raises: ChainTimeout: it may still be mined.
        """
        try:
            return self._w3.eth.wait_for_transaction_receipt(
                tx_hash, timeout=timeout_s, poll_latency=0.05
            )
        except TimeExhausted as exc:
            raise ChainTimeout(
                f"Transaction {tx_hash.to_0x_hex()} was not mined in {timeout_s:.0f} s."
            ) from exc

    def _estimate(self, to: bytes | None, data: bytes, value_wei: int) -> int:
        call = {"from": self.address, "data": HexBytes(data), "value": Wei(value_wei)}
        if to is not None:
            call["to"] = to_checksum_address(to)
        try:
            return int(self._w3.eth.estimate_gas(call, "pending"))  # type: ignore[arg-type]
        except ContractLogicError as exc:
            text = exc.data if isinstance(exc.data, str) else ""
            raise ContractReverted(decode_revert(bytes.fromhex(text.removeprefix("0x")))) from exc
