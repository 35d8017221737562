"""Reports that are written down on chain only where they are needed (`PostRegistry.show`).

Of an original that nobody asked for the contract keeps a commitment. A correction is disputed with
a second look, and a contract has a post analysed again, only once its report was shown. Anybody
may show one: the bytes are the report's, so it does not matter who sends them.
"""

from dataclasses import dataclass

import structlog

from oracle.chain.contracts import rulings
from oracle.chain.contracts.payments import ContractCall
from oracle.chain.contracts.verify import PostResult, find_result, recorded_report
from oracle.chain.core.report import PoCReport, commitment
from oracle.chain.rpc.client import RECORDED, ChainClient
from storage.chain import calls, outbox
from storage.chain.calls import Call
from storage.database import Connection, Database
from storage.errors import NotFound

log = structlog.get_logger(__name__)

ANYBODY = "oracle"  # whose node is always there; it needs no role


@dataclass(frozen=True, slots=True)
class Showable:
    """The report that a post's standing is of, and whether the contract knows its content."""

    report: PoCReport
    shown: bool

    @property
    def call(self) -> ContractCall:
        """The call that shows it, from any account."""
        return rulings.show(self.report)


def look(db: Database, client: ChainClient, post_id: bytes) -> Showable:
    """The report behind a post's standing. Raises: NotFound, ChainError, DatabaseUnavailable."""
    post, result = f"The post 0x{post_id.hex()}", find_result(client, post_id)
    if result is None:
        raise NotFound(
            f"{post} has no result on chain, so there is no report to show. An upload's comes with"
            " its attestation; that of an indexed work by `oracle attest`."
        )
    report = find_report(db, client, post_id, result)
    if report is None:
        raise NotFound(
            f"{post} stands by a report that this oracle does not have. It is in the event"
            " PostResultRecorded of the PostRegistry, whole; anybody may show it."
        )
    return Showable(report, result.content_hash is not None)


def find_report(
    db: Database, client: ChainClient, post_id: bytes, result: PostResult
) -> PoCReport | None:
    """The report that a post's result is of, as we signed it, else from the event that recorded it.

    Returns: None where the result is not of a report that this database knows of.
    Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        rows = outbox.of_post(conn, post_id)
    for row in rows:
        if row.signed_report is not None:
            report = PoCReport.from_dict(row.signed_report)
            if commitment(report) == result.commitment:
                return report
    # Brought to the chain by somebody else, with other times.
    topic = client.posts_abi.topic(RECORDED)
    for tx_hash in {row.tx_hash for row in rows if row.tx_hash is not None}:
        receipt = client.find_receipt(tx_hash)
        for entry in receipt.logs if receipt else ():
            if entry.address == client.posts and entry.topics[:2] == (topic, post_id):
                report, _ = recorded_report(client, entry)
                if commitment(report) == result.commitment:
                    return report
    return None


def find_unshown(
    db: Database, client: ChainClient, post_id: bytes, result: PostResult | None
) -> PoCReport | None:
    """The report of a post whose content the contract does not know; None where nothing is to do.

    Raises: ChainError, DatabaseUnavailable.
    """
    if result is None or result.content_hash is not None:
        return None
    report = find_report(db, client, post_id, result)
    if report is None:
        log.warning("report.unknown", post_id=post_id.hex(), commitment=result.commitment.hex())
    return report


def want(conn: Connection, report: PoCReport, *, sender: str = ANYBODY) -> bool:
    """Have a report shown, in the transaction that decides what needs it.

    Calls of one sender are sent in the order they were added: what is added next comes after it.

    Args: report: One that is not shown (`find_unshown`).
    Returns: whether it is on its way only since now.
    """
    known = find_call(conn, report)
    if known is None:
        call = rulings.show(report)
        calls.add(conn, _key(report), sender=sender, contract=call.contract, call_data=call.data)
    elif known.status in ("reverted", "cancelled"):
        calls.repeat(conn, known.id)  # refused when its post's block was gone, perhaps
    else:
        return False
    log.info("report.show", post_id=report.post_id.hex(), sender=sender)
    return True


def find_call(conn: Connection, report: PoCReport) -> Call | None:
    """The call that shows a report, None where nobody has asked us for it."""
    return calls.find(conn, _key(report))


def _key(report: PoCReport) -> str:
    return f"show {report.post_id.hex()} {commitment(report).hex()}"
