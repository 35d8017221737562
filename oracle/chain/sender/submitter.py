"""From the outbox to the pool: sign, ask the contract, store the transaction, send it.

Batches under load.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from oracle.chain.core import lifecycle
from oracle.chain.core.report import batch_digest
from oracle.chain.core.reverts import Revert
from oracle.chain.core.wire import Header
from oracle.chain.errors import InvalidReport, RpcRefused, SigningFailed
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.broadcast import Broadcaster
from oracle.chain.sender.resolver import Resolver
from oracle.chain.sender.signing import SignedReport, Signing
from storage.chain import outbox, transactions
from storage.chain.outbox import Attestation
from storage.database import Database

log = structlog.get_logger(__name__)

KINDS = ("fulfill", "attest")


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When results share a transaction, and how much of a block they may take."""

    batch_from: int = 4  # with fewer ready, each goes alone
    largest: int = 16
    # With the margin of a quarter still below what one transaction may take (2^24, EIP-7825).
    most_gas: int = 13_000_000


@dataclass(frozen=True, slots=True)
class Priced:
    """A signed report that the contract would accept now, and the gas it needs alone."""

    signed: SignedReport
    call_data: bytes
    gas: int


class Submitter:
    """Starts transactions for the decisions that are due."""

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        signer: Signing,
        broadcaster: Broadcaster,
        resolver: Resolver,
        *,
        confirmations: int,
        max_in_flight: int = 16,
        batches: BatchLimits | None = None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._client = client
        self._signer = signer
        self._broadcaster = broadcaster
        self._resolver = resolver
        self._confirmations = confirmations
        self._max_in_flight = max_in_flight
        self._batches = batches or BatchLimits()
        self._failpoint = failpoint

    def submit(self, head: Header) -> int:
        """Send what is due. Returns how many transactions were started.

        Raises: ChainError, DatabaseUnavailable; everything stored so far is taken up again.
        """
        self._refuse_conflicts()
        with self._db.transaction() as conn:
            in_flight = transactions.in_flight(
                conn, self._client.chain_id, self._broadcaster.address
            )
            room = max(0, self._max_in_flight - len(in_flight))
            most = room * self._batches.largest
            rows = outbox.ready(conn, up_to_block=head.number - self._confirmations, limit=most)
        if not rows:
            return 0
        epoch = int(
            self._client.read(
                "OracleRegistry", self._client.deployment.oracle_registry, "currentEpoch"
            )
        )
        signed = [one for row in rows if (one := self._signed(row, head, epoch)) is not None]
        priced = self._priced(signed)
        # Attestations share a signature only with each other.
        kinds = ([one for one in priced if one.signed.row.kind == kind] for kind in KINDS)
        groups = [group for kind in kinds for group in grouped(kind, self._batches)][:room]
        for group in groups:
            self._send(group)
        return len(groups)

    def _signed(self, row: Attestation, head: Header, epoch: int) -> SignedReport | None:
        try:
            return self._signer.sign(row, head, epoch)
        except InvalidReport as exc:
            self._resolver.refuse(row, exc.code, str(exc))
        except SigningFailed as exc:
            self._resolver.postpone(row, exc.code, str(exc), lifecycle.backoff(row.tries))
        return None

    def _priced(self, signed: Sequence[SignedReport]) -> list[Priced]:
        """Ask the contract about each; what it would refuse goes to the resolver."""
        calls = [
            self._client.hub_abi.call_data(
                one.row.kind, one.report.as_tuple(), list(one.signatures)
            )
            for one in signed
        ]
        accepted = []
        answers = self._client.estimate_gas_of_each(
            self._client.hub, calls, sender=self._broadcaster.address
        )
        for one, data, answer in zip(signed, calls, answers, strict=True):
            if isinstance(answer, Revert):
                self._resolver.reverted(one.row, answer)
            elif isinstance(answer, RpcRefused):  # the others must not wait for this one
                delay = lifecycle.backoff(one.row.tries)
                self._resolver.postpone(one.row, answer.code, answer.reason, delay)
            else:
                accepted.append(Priced(one, data, answer))
        return accepted

    def _send(self, group: Sequence[Priced]) -> None:
        fee = self._client.fee()
        nonce = self._broadcaster.next_nonce()
        data = group[0].call_data if len(group) == 1 else self._batch_data(group)
        # Estimates are exact for the state they saw; a callback or a first write may cost a little
        # more. In a batch too little gas would not revert but skip, so the sum of what each needs
        # alone is kept.
        gas = sum(one.gas for one in group) * 5 // 4
        prepared = self._broadcaster.prepare(
            nonce=nonce, to=self._client.hub, data=data, gas=gas, fee=fee
        )
        self._failpoint("before_store")
        with self._db.transaction() as conn:
            transaction_id = self._broadcaster.store(conn, prepared)
            outbox.attach(conn, [one.signed.row.id for one in group], transaction_id)
        log.info(
            "tx.stored",
            analysis_ids=[str(one.signed.row.analysis_id) for one in group],
            transaction=transaction_id,
            nonce=nonce,
            tx_hash=prepared.signed.tx_hash.hex(),
        )
        self._failpoint("after_store")
        self._broadcaster.send_latest(transaction_id)

    def _batch_data(self, group: Sequence[Priced]) -> bytes:
        signatures = None
        if all(one.signed.row.kind == "attest" for one in group):
            reports = [one.signed.report for one in group]
            # A report must not last longer under this signature than under its own.
            terms = min(one.valid_until for one in reports), reports[0].signer_epoch
            digest = batch_digest(reports, *terms, self._client.chain_id, self._client.hub)
            signatures = self._signer.sign_batch(digest)
        if signatures is not None:
            return self._client.hub_abi.call_data(
                "attestBatch", [one.as_tuple() for one in reports], *terms, list(signatures)
            )
        return self._client.hub_abi.call_data(
            "fulfillBatch",
            [one.signed.report.as_tuple() for one in group],
            [list(one.signed.signatures) for one in group],
        )

    def _refuse_conflicts(self) -> None:
        detail = (
            "After a reorg the request came back with another content; what was analysed is"
            " not what is asked."
        )
        with self._db.transaction() as conn:
            for request_id in outbox.refuse_conflicts(conn, "request_conflict", detail):
                log.error(
                    "attestation.refused", request_id=request_id.hex(), code="request_conflict"
                )


def grouped(priced: Sequence[Priced], limits: BatchLimits) -> list[list[Priced]]:
    """Split into transactions, in order: alone while there are few, else as full as the limits
    allow.
    """
    if len(priced) < limits.batch_from:
        return [[one] for one in priced]
    groups: list[list[Priced]] = []
    gas = 0
    for one in priced:
        if not groups or len(groups[-1]) == limits.largest or gas + one.gas > limits.most_gas:
            groups.append([])
            gas = 0
        groups[-1].append(one)
        gas += one.gas
    return groups
