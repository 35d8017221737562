"""What the contract has to be told about freezes; written in the transaction that decides, sent
afterwards.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class ChainAction:
    """One call to make. Ids and hashes 32 bytes, a creator's `subject_id` the 20 bytes of the
    account.
    """

    id: int
    alert_id: UUID
    round: int
    kind: str  # freeze, uphold or release
    chain_alert_id: bytes
    subject: str
    subject_id: bytes
    document_hash: bytes
    until: datetime | None
    status: str
    tries: int
    error_code: str | None
    error_detail: str | None


COLUMNS = (
    "id, alert_id, round, kind, chain_alert_id, subject, subject_id, document_hash, until, status,"
    " tries, error_code, error_detail"
)


def add(
    conn: Connection,
    *,
    alert_id: UUID,
    round_: int,
    kind: str,
    chain_alert_id: bytes,
    subject: str,
    subject_id: bytes,
    document_hash: bytes,
    until: datetime | None = None,
) -> None:
    """Queue a call; the same one a second time changes nothing."""
    conn.execute(
        "insert into fraud_chain_actions (alert_id, round, kind, chain_alert_id, subject,"
        " subject_id, document_hash, until) values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do"
        " nothing",
        (alert_id, round_, kind, chain_alert_id, subject, subject_id, document_hash, until),
    )


def ready(conn: Connection, limit: int = 100) -> list[ChainAction]:
    """Calls to make now, oldest first; of one alert only the first that is not made yet."""
    return _select(
        conn,
        "status = 'pending' and next_try_at <= now() and not exists (select 1 from"
        " fraud_chain_actions earlier where earlier.chain_alert_id ="
        " fraud_chain_actions.chain_alert_id and earlier.status = 'pending' and earlier.id <"
        " fraud_chain_actions.id) order by id limit %s",
        (limit,),
    )


def supersede(conn: Connection, chain_alert_id: bytes) -> None:
    """Drop the calls of a freeze that were not made yet: money that is free again need not be
    frozen first.
    """
    conn.execute(
        "update fraud_chain_actions set status = 'skipped', error_code = 'superseded',"
        " error_detail = 'The hold ended before the call was made.', done_at = now()"
        " where chain_alert_id = %s and status = 'pending'",
        (chain_alert_id,),
    )


def settle(
    conn: Connection,
    action_id: int,
    status: str,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """End a call: done, skipped (nothing to do on chain) or refused (the contract will never
    take it).
    """
    conn.execute(
        "update fraud_chain_actions set status = %s, error_code = %s, error_detail = %s, done_at ="
        " now(), tries = tries + 1 where id = %s and status = 'pending'",
        (status, code, detail, action_id),
    )


def postpone(conn: Connection, action_id: int, code: str, detail: str, delay: timedelta) -> None:
    """Try a call again later, with the reason shown."""
    conn.execute(
        "update fraud_chain_actions set tries = tries + 1, next_try_at = now() + %s, error_code ="
        " %s, error_detail = %s where id = %s and status = 'pending'",
        (delay, code, detail, action_id),
    )


def repeat(conn: Connection, action_id: int) -> None:
    """Make a call again that was made, but is not on the chain (any more)."""
    conn.execute(
        "update fraud_chain_actions set status = 'pending', next_try_at = now(), done_at = null"
        " where id = %s",
        (action_id,),
    )


def of_alert(conn: Connection, alert_id: UUID) -> list[ChainAction]:
    """The calls of one alert, oldest first."""
    return _select(conn, "alert_id = %s order by id", (alert_id,))


def of_recent_alerts(conn: Connection, since: datetime) -> list[ChainAction]:
    """The calls of alerts that changed since then, oldest first."""
    return _select(
        conn,
        "alert_id in (select id from fraud_alerts where updated_at >= %s) order by id",
        (since,),
    )


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[ChainAction]:
    with conn.cursor(row_factory=class_row(ChainAction)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from fraud_chain_actions where {where}", params
        ).fetchall()
