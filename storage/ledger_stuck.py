"""Pay that the contract refused, or was not asked to make since it judges the post otherwise: what a person can see
and settle."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound
from storage.ledger_chain import SETTLED

_STUCK = "q.status in ('refused', 'held')"


@dataclass(frozen=True)
class StuckPay:
    """A payment of the books that is not on chain, in cents.

    Attributes:
        verdict, redirect_bps, creditor: what the books hold of the post today.
        to_original_minor, to_poster_minor: how the books divided it when it was booked.
        settled_redirect_bps: the redirect by which its contested part was paid out since, None where none was.
        chain_says: what the contract said about the post at the last try; None where it refused for another reason.
    """

    transaction_id: int
    kind: str
    post_id: bytes
    week: date
    creator: str
    status: str
    error: str
    tries: int
    booked_at: datetime
    next_try_at: datetime
    to_original_minor: int
    to_poster_minor: int
    settled_redirect_bps: int | None
    verdict: str
    redirect_bps: int
    creditor: str | None
    chain_says: Mapping[str, Any] | None


def list_stuck(conn: Connection, limit: int) -> list[StuckPay]:
    """The oldest first; posts in dispute are left out, they only wait."""
    with conn.cursor(row_factory=class_row(StuckPay)) as cursor:
        return cursor.execute(
            "select t.id as transaction_id, t.kind, t.post_id, t.week, a.handle as creator, q.status, q.error, q.tries,"
            " t.booked_at, q.next_try_at, (t.facts->>'to_original_minor')::bigint as to_original_minor,"
            " (t.facts->>'to_poster_minor')::bigint as to_poster_minor, s.redirect_bps as settled_redirect_bps,"
            " o.verdict, o.redirect_bps, c.handle as creditor, q.chain_says from ledger_chain_payments q"
            " join ledger_transactions t on t.id = q.transaction_id join posts p on p.post_id = t.post_id"
            " join creators a on a.id = p.creator_id join post_terms o on o.post_id = t.post_id and not o.disputed"
            f" left join creators c on c.id = o.creditor_id {SETTLED} where {_STUCK} order by t.id limit %s",
            (limit,),
        ).fetchall()


def settle(conn: Connection, transaction_id: int, *, by: str, note: str, now: datetime) -> None:
    """Note that a stuck payment was made another way; the contract is not asked to make it any more.

    Call it as the one sender (`ledger_chain.try_lock`), or it may be on its way at the same moment.
    Raises: NotFound where nothing is stuck under that number.
    """
    done = conn.execute(
        "update ledger_chain_payments q set status = 'settled', error = null, settled_by = %s, settled_note = %s,"
        f" updated_at = %s where transaction_id = %s and {_STUCK}",
        (by, note, now, transaction_id),
    )
    if done.rowcount == 0:
        raise NotFound(f"No payment {transaction_id} is stuck; it may have been paid meanwhile.")
