"""Pay that the contract refused, or was not asked to make since it judges the post otherwise: what
a person can see, withhold from the contract, pay another way, and note as paid: in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound
from storage.ledger.onchain import RAISED_TO, SETTLED, SentPay, Signed

_SELECT = (
    "select t.id as transaction_id, t.kind, t.post_id, t.week, a.handle as creator, q.status,"
    " q.error, q.tries, t.booked_at, q.next_try_at, (t.facts->>'to_original_minor')::bigint as"
    " to_original_minor, (t.facts->>'to_poster_minor')::bigint as to_poster_minor, s.redirect_bps"
    " as settled_redirect_bps, o.verdict, o.redirect_bps, o.disputed, c.handle as creditor,"
    " q.chain_says, q.withheld_by, q.withheld_note, q.withheld_to_original, q.withheld_to_poster,"
    " q.confirmed_at from ledger_chain_payments q join ledger_transactions t on t.id ="
    " q.transaction_id join posts p on p.post_id = t.post_id join creators a on a.id ="
    " p.creator_id join post_terms o on o.post_id = t.post_id left join creators c on c.id ="
    f" o.creditor_id {SETTLED} where "
)
_STUCK = "(q.status in ('refused', 'held') and not o.disputed or q.status = 'withheld')"


@dataclass(frozen=True)
class StuckPay:
    """A payment of the ledger that is not on chain, in cents.

    Attributes:
        verdict, redirect_bps, disputed, creditor: what the ledger hold of the post today.
        to_original_minor, to_poster_minor: how the ledger divided it when it was booked.
        settled_redirect_bps: the redirect by which its contested part was paid out since, None
            where none was.
        chain_says: what the contract said about the post at the last try; None where it refused for
            another reason.
        withheld_to_original, withheld_to_poster: what is to be paid another way, where it was
            withheld for that.
        confirmed_at: since when nothing that we sent can pay it on chain any more.
    """

    transaction_id: int
    kind: str
    post_id: bytes
    week: date
    creator: str
    status: str
    error: str | None
    tries: int
    booked_at: datetime
    next_try_at: datetime
    to_original_minor: int
    to_poster_minor: int
    settled_redirect_bps: int | None
    verdict: str
    redirect_bps: int
    disputed: bool
    creditor: str | None
    chain_says: Mapping[str, Any] | None
    withheld_by: str | None
    withheld_note: str | None
    withheld_to_original: int | None
    withheld_to_poster: int | None
    confirmed_at: datetime | None


def list_stuck(conn: Connection, limit: int) -> list[StuckPay]:
    """The oldest first; posts in dispute only wait, and are left out unless their pay was
    withheld before.
    """
    return _select(conn, f"{_STUCK} order by t.id limit %s", limit)


def get_stuck(conn: Connection, transaction_id: int) -> StuckPay:
    """One of the list; nobody else changes it until the transaction ends. Raises: NotFound."""
    found = _select(conn, f"{_STUCK} and t.id = %s for update of q", transaction_id)
    if not found:
        raise NotFound(
            f"No payment {transaction_id} is stuck; it may have been paid meanwhile, or be in"
            " dispute."
        )
    return found[0]


def withhold(
    conn: Connection,
    transaction_id: int,
    *,
    to_original: int,
    to_poster: int,
    by: str,
    note: str,
    now: datetime,
) -> None:
    """Never send a stuck payment any more, so that it can be paid another way; it has to be
    confirmed first.

    Call it with the row locked (`get_stuck`). Raises: NotFound where the contract is being asked to
    pay it.
    """
    done = conn.execute(
        "update ledger_chain_payments set status = 'withheld', error = null, withheld_by = %s,"
        " withheld_note = %s, withheld_to_original = %s, withheld_to_poster = %s, updated_at = %s"
        " where transaction_id = %s and status in ('refused', 'held')",
        (by, note, to_original, to_poster, now, transaction_id),
    )
    _check(done.rowcount, f"Payment {transaction_id} is not refused or held any more.")


def list_unconfirmed(conn: Connection, limit: int) -> list[tuple[SentPay, Signed | None]]:
    """What was withheld, and may be on its way to the contract from before; the longest unlooked
    at first.
    """
    rows = conn.execute(
        f"select t.id, t.post_id, t.week, {RAISED_TO}, signed_by, signed_nonce, signed_at from"
        " ledger_chain_payments q join ledger_transactions t on t.id = transaction_id where status"
        " = 'withheld' and confirmed_at is null order by q.updated_at, t.id limit %s",
        (limit,),
    ).fetchall()
    return [(SentPay(*row[:4]), Signed(*row[4:]) if row[4] else None) for row in rows]


def keep_confirmed(
    conn: Connection, transaction_id: int, now: datetime, *, confirmed: bool
) -> None:
    """It was looked at whether something may still pay it on chain; nothing may where that is
    `confirmed`.
    """
    conn.execute(
        "update ledger_chain_payments set confirmed_at = %s, updated_at = %s"
        " where transaction_id = %s and status = 'withheld'",
        (now if confirmed else None, now, transaction_id),
    )


def settle(conn: Connection, transaction_id: int, *, by: str, note: str, now: datetime) -> None:
    """Note how a withheld payment was made another way.

    Raises: NotFound unless it is withheld and confirmed.
    """
    done = conn.execute(
        "update ledger_chain_payments set status = 'settled', settled_by = %s, settled_note = %s,"
        " updated_at = %s where transaction_id = %s and status = 'withheld' and confirmed_at is"
        " not null",
        (by, note, now, transaction_id),
    )
    _check(
        done.rowcount,
        f"Payment {transaction_id} is not withheld and confirmed: withhold it before it is paid.",
    )


def resume(conn: Connection, transaction_id: int, now: datetime) -> None:
    """Send a withheld payment to the contract after all. Raises: NotFound unless it is withheld."""
    done = conn.execute(
        "update ledger_chain_payments set status = 'due', withheld_by = null, withheld_note ="
        " null, withheld_to_original = null, withheld_to_poster = null, confirmed_at = null,"
        " next_try_at = %(now)s, updated_at = %(now)s where transaction_id = %(id)s and status ="
        " 'withheld'",
        {"now": now, "id": transaction_id},
    )
    _check(done.rowcount, f"Payment {transaction_id} is not withheld.")


def _select(conn: Connection, where: str, *params: object) -> list[StuckPay]:
    with conn.cursor(row_factory=class_row(StuckPay)) as cursor:
        return cursor.execute(_SELECT + where, params).fetchall()


def _check(changed: int, otherwise: str) -> None:
    if not changed:
        raise NotFound(otherwise)
