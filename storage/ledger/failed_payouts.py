"""Pay that does not reach the contract: a person sees it, blocks it, pays off chain, and notes
that, in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from storage.chain import calls
from storage.database import Connection
from storage.errors import NotFound
from storage.ledger import onchain
from storage.ledger.onchain import SETTLED, Payout

# A transaction that no block has taken for so long may be given up by a person.
LONG_UNDER_WAY = timedelta(minutes=30)
_SELECT = (
    "select t.id as transaction_id, q.call_id, t.kind, t.post_id, t.week, a.handle as creator,"
    " q.status, q.error, q.postponed, q.tries, t.booked_at, q.next_try_at,"
    " (t.facts->>'to_original_minor')::bigint as to_original_minor,"
    " (t.facts->>'to_poster_minor')::bigint as to_poster_minor, s.redirect_bps as"
    " settled_redirect_bps, o.verdict, o.redirect_bps, o.disputed, c.handle as creditor,"
    " q.chain_says, q.withheld_by, q.withheld_note, q.withheld_to_original, q.withheld_to_poster,"
    " q.confirmed_at from ledger_chain_payments q join ledger_transactions t on t.id ="
    " q.transaction_id join posts p on p.post_id = t.post_id join creators a on a.id ="
    " p.creator_id join post_terms o on o.post_id = t.post_id left join creators c on c.id ="
    f" o.creditor_id {SETTLED} where "
)
_FAILED = (
    "((q.status in ('refused', 'held') or q.postponed) and not o.disputed or q.status = 'withheld'"
    " or q.under_way_since < %s)"
)


@dataclass(frozen=True, kw_only=True)
class FailedPayout:
    """A payment of the ledger that is not on chain, in cents.

    Attributes:
        verdict, redirect_bps, disputed, creditor: what the ledger holds of the post today.
        to_original_minor, to_poster_minor: how the ledger divided it when it was booked.
        settled_redirect_bps: the redirect by which its contested part was paid out since, None
            where none was.
        chain_says: what the contract said about the post at the last try; None where it refused for
            another reason.
        withheld_to_original, withheld_to_poster: what is to be paid off chain, where it was blocked
            for that.
        postponed: whether the sender could not even ask what it would cost (`error`).
        confirmed_at: since when nothing that we sent can pay it on chain any more.
    """

    transaction_id: int
    call_id: int
    kind: str
    post_id: bytes
    week: date
    creator: str
    status: str
    error: str | None
    postponed: bool
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


def list_failed(conn: Connection, now: datetime, limit: int) -> list[FailedPayout]:
    """The oldest first; posts in dispute only wait, and are left out unless their pay was
    blocked before.
    """
    return _select(conn, f"{_FAILED} order by t.id limit %s", now - LONG_UNDER_WAY, limit)


def get_failed(conn: Connection, transaction_id: int, now: datetime) -> FailedPayout:
    """One of the list, locked until the transaction ends. Raises: NotFound."""
    _lock(conn, transaction_id)
    found = _select(conn, f"{_FAILED} and t.id = %s", now - LONG_UNDER_WAY, transaction_id)
    if not found:
        raise NotFound(
            f"Payment {transaction_id} has not failed; it may have been paid meanwhile, or be in"
            " dispute."
        )
    return found[0]


def block(
    conn: Connection,
    pay: FailedPayout,
    *,
    to_original: int,
    to_poster: int,
    by: str,
    note: str,
    now: datetime,
) -> None:
    """Cancel the call of a failed payment for good, so that it can be settled off chain once that
    is done.

    Call it with the row locked (`get_failed`).
    """
    conn.execute(
        "update ledger_payouts set withheld_by = %s, withheld_note = %s, withheld_to_original = %s,"
        " withheld_to_poster = %s, updated_at = %s where transaction_id = %s",
        (by, note, to_original, to_poster, now, pay.transaction_id),
    )
    calls.cancel(conn, pay.call_id, "withheld", "It is to be settled off chain.")


def list_unconfirmed(conn: Connection, limit: int) -> list[Payout]:
    """What was blocked and whose call is cancelled; the longest unlooked at first."""
    return onchain.select(
        conn,
        "q.withheld_by is not null and q.confirmed_at is null and q.found_at is null"
        " and k.status = 'cancelled'"
        " order by q.updated_at, t.id limit %s",
        (limit,),
    )


def record_confirmation(conn: Connection, pay: Payout, now: datetime, *, confirmed: bool) -> None:
    """Record whether a blocked payout is `confirmed`: the contract has not paid it after all."""
    conn.execute(
        "update ledger_payouts set confirmed_at = %s, updated_at = %s where transaction_id = %s"
        " and withheld_by is not null and exists (select from chain_calls where id = call_id and"
        " status = 'cancelled')",
        (now if confirmed else None, now, pay.transaction_id),
    )


def settle(conn: Connection, transaction_id: int, *, by: str, note: str, now: datetime) -> None:
    """Note how a blocked payment was settled off chain.

    Raises: NotFound unless it is blocked and confirmed.
    """
    _lock(conn, transaction_id)
    done = conn.execute(
        "update ledger_payouts q set settled_by = %s, settled_note = %s, updated_at = %s from"
        " ledger_chain_payments v where v.transaction_id = q.transaction_id and q.transaction_id ="
        " %s and v.status = 'withheld' and q.confirmed_at is not null and exists (select from"
        " chain_calls c where c.id = q.call_id and c.status = 'cancelled')",
        (by, note, now, transaction_id),
    )
    _check(
        done.rowcount,
        f"Payment {transaction_id} is not blocked and confirmed: block it before it is paid.",
    )


def resume(conn: Connection, transaction_id: int, now: datetime) -> None:
    """Send a blocked payment to the contract after all. Raises: NotFound unless it is blocked."""
    call_id = _lock(conn, transaction_id)
    done = conn.execute(
        "update ledger_payouts q set withheld_by = null, withheld_note = null,"
        " withheld_to_original = null, withheld_to_poster = null, confirmed_at = null, error ="
        " null, next_try_at = %(now)s, updated_at = %(now)s from ledger_chain_payments v where"
        " v.transaction_id = q.transaction_id and q.transaction_id = %(id)s and v.status ="
        " 'withheld'",
        {"now": now, "id": transaction_id},
    )
    _check(done.rowcount, f"Payment {transaction_id} is not blocked.")
    calls.restore(conn, call_id)


def _lock(conn: Connection, transaction_id: int) -> int:
    """Lock a payment and its call until the transaction ends.

    Returns: the call. Raises: NotFound.
    """
    row = conn.execute(
        "select q.call_id from ledger_payouts q join chain_calls k on k.id = q.call_id where"
        " q.transaction_id = %s for update",
        (transaction_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no payment {transaction_id}.")
    return int(row[0])


def _select(conn: Connection, where: str, *params: object) -> list[FailedPayout]:
    with conn.cursor(row_factory=class_row(FailedPayout)) as cursor:
        return cursor.execute(_SELECT + where, params).fetchall()


def _check(changed: int, otherwise: str) -> None:
    if not changed:
        raise NotFound(otherwise)
