"""The public record: what is decided and ruled enters the log, whose head goes on chain daily."""

from datetime import UTC, datetime, time

import structlog

from oracle.chain.contracts.anchor import anchor
from storage.chain import calls
from storage.database import Database
from storage.fraud import audit_log, public_record

log = structlog.get_logger()

BATCH = 500
ACTOR = "oracle"


def append_due(db: Database, *, limit: int = BATCH) -> int:
    """Take into the log what was noted since. Returns: how many. Raises: DatabaseUnavailable."""
    with db.transaction() as conn:
        waiting = public_record.list_waiting(conn, limit)
        for row in waiting:
            audit_log.append(
                conn,
                at=row.at,
                actor=ACTOR,
                step=row.step,
                reason_code=row.reason_code,
                text=row.text,
                facts=row.facts,
            )
            public_record.mark_recorded(conn, row.id, audit_log.head(conn)[0])
    return len(waiting)


def anchor_due(db: Database, now: datetime) -> int:
    """Want the head of the day before on chain, once a day, if it moved.

    Returns: how many calls were wanted. Raises: DatabaseUnavailable.
    """
    day = now.astimezone(UTC).date()
    with db.transaction() as conn:
        last = public_record.last_anchor(conn)
        if last is not None and last[0] >= day:
            return 0
        head = public_record.head_before(conn, datetime.combine(day, time(), UTC))
        if head is None or (last is not None and last[1] >= head[0]):
            return 0
        call = anchor(*head)
        call_id = calls.add(
            conn,
            f"record {day.isoformat()}",
            sender="oracle",
            contract=call.contract,
            call_data=call.data,
        )
        public_record.add_anchor(conn, day, *head, call_id)
    log.info("record.anchored", seq=head[0], hash=head[1].hex())
    return 1
