"""Signers that lie are taken out: each proof of equivocation goes to the registry, by whichever
node is first.
"""

from collections.abc import Callable

import structlog

from oracle.chain.contracts.equivocation import Statement, call_data
from oracle.chain.core.report import PoCReport
from oracle.chain.core.reverts import Revert
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.quorum.observation import Observation
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender.broadcast import Broadcaster
from storage.chain import quorum
from storage.database import Database

log = structlog.get_logger(__name__)

# Another node was faster, the signer left by itself, or the contract sees no proof in it.
SETTLED = ("UnauthorizedOracle", "NotEquivocal", "ProofExpired")


class EquivocationReporter:
    """Sends stored proofs.

    What happens to the transaction is the confirmer's business, as with any other.
    """

    def __init__(
        self,
        db: Database,
        client: ChainClient,
        broadcaster: Broadcaster,
        failpoint: Callable[[str], None],
    ) -> None:
        self._db = db
        self._client = client
        self._broadcaster = broadcaster
        self._registry = address_bytes(client.deployment.oracle_registry)
        self._failpoint = failpoint

    def report(self) -> int:
        """Send every proof that no block holds yet. Returns how many.

        Raises: ChainError, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            due = quorum.unreported(conn)
        return sum(self._send(proof) for proof in due)

    def _send(self, proof: quorum.Equivocation) -> bool:
        first, second = Observation.from_dict(proof.first), Observation.from_dict(proof.second)
        data = call_data(
            Statement.OBSERVATION,
            _statement(first),
            first.signature,
            _statement(second),
            second.signature,
        )
        gas = self._client.estimate_gas_of_each(
            self._registry, [data], sender=self._broadcaster.address
        )[0]
        if isinstance(gas, Revert):
            if gas.name in SETTLED:
                with self._db.transaction() as conn:
                    quorum.settle_equivocation(conn, proof, gas.name)
                log.info("quorum.proof_not_needed", signer=hexed(proof.signer), reason=gas.text)
            return False
        prepared = self._broadcaster.prepare(
            nonce=self._broadcaster.next_nonce(),
            to=self._registry,
            data=data,
            gas=gas * 5 // 4,
            fee=self._client.fee(),
        )
        with self._db.transaction() as conn:
            transaction_id = self._broadcaster.store(conn, prepared)
            quorum.attach_equivocation(conn, proof, transaction_id)
        self._failpoint("proof_stored")
        self._broadcaster.send_latest(transaction_id)
        log.warning(
            "quorum.proof_sent", signer=hexed(proof.signer), request_id=proof.request_id.hex()
        )
        return True


def _statement(one: Observation) -> PoCReport:
    # The contract takes an observation in the form of a report; it signs no `valid_until`, so any
    # number will do.
    return one.draft.complete(
        observed_at=one.observed_at, valid_until=0, signer_epoch=one.signer_epoch
    )
