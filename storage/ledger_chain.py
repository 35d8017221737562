"""Which pay of the books has reached the contract, and whether both divided it alike."""

from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection

PAYING_LOCK = 0x0_BA9C  # one sender at a time: two would pay the gas of a refusal


@dataclass(frozen=True)
class PayToSend:
    """A payment of the books that the contract has not made yet, in cents."""

    transaction_id: int
    post_id: bytes
    week: date
    base_minor: int
    grade: str
    to_original_minor: int
    to_poster_minor: int


def try_lock(conn: Connection) -> bool:
    """Become the one sender until the transaction ends; False if another process is."""
    row = conn.execute("select pg_try_advisory_xact_lock(%s)", (PAYING_LOCK,)).fetchone()
    return bool(row and row[0])


def list_unsent(conn: Connection, limit: int) -> list[PayToSend]:
    """Payments to send, those tried least first. Weeks without any money are left out."""
    rows = conn.execute(
        "select t.id, t.post_id, t.week, (facts->>'base_minor')::bigint, facts->>'grade',"
        " (facts->>'to_original_minor')::bigint, (facts->>'to_poster_minor')::bigint"
        " from ledger_transactions t left join ledger_chain_payments c on c.transaction_id = t.id"
        " where t.kind = 'pay' and (c.status is null or c.status = 'refused') and (facts->>'base_minor')::bigint > 0"
        " order by coalesce(c.tries, 0), t.id limit %s",
        (limit,),
    ).fetchall()
    return [PayToSend(row[0], bytes(row[1]), *row[2:]) for row in rows]


def keep_paid(
    conn: Connection, transaction_id: int, parts: tuple[int, int] | None, agrees: bool | None, now: datetime
) -> None:
    """The contract has paid: its parts (original's, poster's), or None where an earlier run had sent it."""
    to_original, to_poster = parts or (None, None)
    conn.execute(
        "insert into ledger_chain_payments (transaction_id, status, to_original, to_poster, agrees, updated_at)"
        " values (%s, 'paid', %s, %s, %s, %s) on conflict (transaction_id) do update set status = 'paid',"
        " to_original = excluded.to_original, to_poster = excluded.to_poster, agrees = excluded.agrees, error = null,"
        " tries = ledger_chain_payments.tries + 1, updated_at = excluded.updated_at",
        (transaction_id, to_original, to_poster, agrees, now),
    )


def keep_refused(conn: Connection, transaction_id: int, error: str, now: datetime) -> None:
    """The contract would not pay; it is tried again."""
    conn.execute(
        "insert into ledger_chain_payments (transaction_id, status, error, updated_at) values (%s, 'refused', %s, %s)"
        " on conflict (transaction_id) do update set error = excluded.error,"
        " tries = ledger_chain_payments.tries + 1, updated_at = excluded.updated_at",
        (transaction_id, error, now),
    )
