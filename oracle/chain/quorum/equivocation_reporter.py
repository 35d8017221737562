"""Signers that lie are taken out: each proof of equivocation goes to the registry, by whichever
node is first.
"""

import structlog

from oracle.chain.contracts.equivocation import Statement, call_data
from oracle.chain.core.lifecycle import backoff
from oracle.chain.core.report import PoCReport
from oracle.chain.core.wire import blob, hexed
from oracle.chain.quorum.observation import Observation
from storage.chain import calls, quorum
from storage.database import Database

log = structlog.get_logger(__name__)

# Another node was faster, the signer left by itself, or the contract sees no proof in it.
SETTLED = ("UnauthorizedOracle", "NotEquivocal", "ProofExpired", "AlreadyProven")


class EquivocationReporter:
    """Wants a call of the registry for each stored proof, until the contract has it or needs it
    no more.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def report(self) -> int:
        """Want a call for each new proof, and again for one that was refused. Returns how many are
        new.

        Raises: DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            new = quorum.unreported(conn)
            for proof in new:
                data = call_data(
                    Statement[proof.statement.upper()],
                    *_signed(proof, proof.first),
                    *_signed(proof, proof.second),
                )
                key = (
                    f"equivocation {proof.statement} {proof.request_id.hex()} {proof.signer.hex()}"
                )
                call_id = calls.add(
                    conn, key, sender="oracle", contract="oracle_registry", call_data=data
                )
                quorum.attach_equivocation(conn, proof, call_id)
                log.warning(
                    "quorum.proof_wanted",
                    signer=hexed(proof.signer),
                    request_id=proof.request_id.hex(),
                )
            for call in quorum.refused_proofs(conn):
                if call.error_code in SETTLED:
                    calls.close(conn, call.id)
                    log.info("quorum.proof_not_needed", call=call.key, reason=call.error_detail)
                elif call.call_data is not None:
                    calls.queue(conn, call.id, call.call_data, delay=backoff(call.tries))
        return len(new)


def _signed(proof: quorum.Equivocation, body: quorum.Body) -> tuple[PoCReport, bytes]:
    """A statement in the contract's form, with its signature."""
    if proof.statement == "report":
        return PoCReport.from_dict(body["report"]), blob(body["signature"])
    one = Observation.from_dict(body)
    # The contract takes an observation in the form of a report; it signs no `valid_until`, so any
    # number will do.
    return one.draft.complete(
        observed_at=one.observed_at, valid_until=0, signer_epoch=one.signer_epoch
    ), one.signature
