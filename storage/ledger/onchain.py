"""Pay of the ledger on its way to the contract: which of it may go, and whether both divided it
alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storage.chain import calls
from storage.database import Connection

FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=30), timedelta(hours=1)
# The redirect by which the contested part of a payment `t` was paid out since, as `s`.
SETTLED = (
    "left join lateral (select (facts->>'redirect_bps')::int as redirect_bps from"
    " ledger_transactions where post_id = t.post_id and kind = 'contest_settled' and id > t.id and"
    " (t.facts->>'contested')::boolean order by id limit 1) s on true"
)
_PAYMENT = (
    "t.id as transaction_id, q.call_id, t.post_id, t.week, case when t.kind <> 'pay' then t.id end"
    " as correction, (t.facts->>'chain_minor')::bigint as base_minor, t.facts->>'chain_grade' as"
    " grade, (t.facts->>'to_original_minor')::bigint as to_original_minor,"
    " (t.facts->>'to_poster_minor')::bigint as to_poster_minor"
)
_TODAY = (
    "s.redirect_bps as settled_redirect_bps, p.verdict, p.redirect_bps,"
    " array(select account from creators where id = any(rows_of_creator(p.creditor_id))) as"
    " creditor_accounts"
)
_JOINS = (
    " from ledger_payouts q join chain_calls k on k.id = q.call_id join ledger_transactions t on"
    " t.id = q.transaction_id join post_terms p on p.post_id = t.post_id"
    f" {SETTLED} "
)


@dataclass(frozen=True, kw_only=True)
class Payout:
    """A payment of the ledger, in cents, and what the ledger holds of its post today.

    A correction has a number of its own: `base_minor` is all that it adds, and its `grade` adds
    nothing. So it is with pay from which something was set off. `settled_redirect_bps` is the
    redirect by which its contested part was paid out, None where none was. `creditor_accounts` are
    all accounts (20 bytes each) of the original's creator, none without a redirect.
    """

    transaction_id: int
    call_id: int
    post_id: bytes
    week: date
    correction: int | None
    base_minor: int
    grade: str
    to_original_minor: int
    to_poster_minor: int
    settled_redirect_bps: int | None
    verdict: str
    redirect_bps: int
    creditor_accounts: list[bytes]


def list_undecided(conn: Connection, now: datetime, limit: int) -> list[Payout]:
    """Payments that may be released to the contract, or are and were not sent yet; the longest
    waiting first.

    Weeks without any money and posts in dispute are left out.
    """
    return select(
        conn,
        "k.status in ('draft', 'reverted', 'wanted') and not p.disputed and q.found_at is null"
        " and q.withheld_by is null and q.next_try_at <= %s order by q.next_try_at, t.id limit %s",
        (now, limit),
    )


def list_refused(conn: Connection) -> list[tuple[Payout, str]]:
    """Payments that the contract has just refused, and by which error."""
    found = select(
        conn, "k.status = 'reverted' and q.error is null and q.found_at is null order by t.id", ()
    )
    reasons: dict[int, str] = dict(
        conn.execute(
            "select id, error_code from chain_calls where id = any(%s)",
            ([pay.call_id for pay in found],),
        ).fetchall()
    )
    return [(pay, reasons[pay.call_id]) for pay in found]


def list_undivided(conn: Connection, limit: int) -> list[tuple[Payout, bytes]]:
    """Payments in a block of which it is not known how the contract divided them, and their
    transactions' hashes.
    """
    rows = conn.execute(
        "select q.transaction_id, x.mined_hash from ledger_payouts q join chain_calls k on k.id ="
        " q.call_id join chain_transactions x on x.id = k.transaction_id where k.status in"
        " ('included', 'final') and q.divided_in is distinct from x.mined_hash order by"
        " q.transaction_id limit %s",
        (limit,),
    ).fetchall()
    hashes = {number: bytes(tx_hash) for number, tx_hash in rows}
    found = select(conn, "t.id = any(%s) order by t.id", (list(hashes),))
    return [(pay, hashes[pay.transaction_id]) for pay in found]


def hold_disputed(conn: Connection) -> None:
    """Return to draft what was released and not sent yet where the post has come into dispute."""
    rows = conn.execute(
        f"select q.call_id {_JOINS} where k.status = 'wanted' and p.disputed order by q.call_id"
    ).fetchall()
    for (call_id,) in rows:
        calls.return_to_draft(conn, call_id)


def failed_minor(conn: Connection, creator_id: int) -> int:
    """Cents that a creator's posts earned in the ledger and the contract refused, or was not asked
    to pay yet.

    Not asked where it judges the post otherwise than the ledger. What is merely on its way does not
    count.
    """
    row = conn.execute(
        "select coalesce(sum((t.facts->>'to_original_minor')::bigint +"
        " (t.facts->>'to_poster_minor')::bigint), 0) from ledger_chain_payments q join"
        " ledger_transactions t on t.id = q.transaction_id join posts p on p.post_id = t.post_id"
        " where q.status in ('refused', 'held', 'withheld') and p.creator_id = %s",
        (creator_id,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def release(conn: Connection, pay: Payout, call_data: bytes, now: datetime) -> bool:
    """Queue the call of a payment. False where it was blocked meanwhile."""
    released = calls.queue(conn, pay.call_id, call_data)
    if released:
        conn.execute(
            "update ledger_payouts set error = null, updated_at = %s where transaction_id = %s",
            (now, pay.transaction_id),
        )
    return released


def record_failure(
    conn: Connection,
    pay: Payout,
    error: str,
    now: datetime,
    chain_says: Mapping[str, Any] | None = None,
) -> None:
    """Record why a payment was not made; it is looked at again, ever less often.

    Args: chain_says: how the contract judges the post, for people to see why.
    """
    conn.execute(
        "update ledger_payouts set error = %(error)s, tries = tries + 1, chain_says = %(says)s,"
        " updated_at = %(now)s, next_try_at = %(now)s + least(%(longest)s, %(first)s * 2 ^"
        " least(tries, 20)) where transaction_id = %(id)s",
        {
            "error": error,
            "now": now,
            "id": pay.transaction_id,
            "first": FIRST_PAUSE,
            "longest": MAX_PAUSE,
            "says": None if chain_says is None else Jsonb(dict(chain_says)),
        },
    )


def hold(
    conn: Connection, pay: Payout, error: str, now: datetime, chain_says: Mapping[str, Any]
) -> None:
    """Hold a payment that the contract would divide otherwise: its call is a draft (again)."""
    calls.return_to_draft(conn, pay.call_id)
    record_failure(conn, pay, error, now, chain_says)


def postpone(conn: Connection, pay: Payout, now: datetime) -> None:
    """Look at a payment again in a while, as nothing is known yet."""
    conn.execute(
        "update ledger_payouts set next_try_at = %s where transaction_id = %s",
        (now + FIRST_PAUSE, pay.transaction_id),
    )


def record_paid(conn: Connection, pay: Payout, now: datetime) -> None:
    """Record that the contract paid it in a final block, without our call."""
    conn.execute(
        "update ledger_payouts set found_at = %(now)s, updated_at = %(now)s where transaction_id ="
        " %(id)s and settled_by is null",
        {"now": now, "id": pay.transaction_id},
    )


def record_split(
    conn: Connection,
    pay: Payout,
    tx_hash: bytes,
    parts: tuple[int, int],
    now: datetime,
    *,
    agrees: bool,
) -> None:
    """Record how the contract divided it: the original's part and the poster's, in token units."""
    conn.execute(
        "update ledger_payouts set divided_in = %s, to_original = %s, to_poster = %s, agrees = %s,"
        " updated_at = %s where transaction_id = %s",
        (tx_hash, *parts, agrees, now, pay.transaction_id),
    )


def select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Payout]:
    """Payments by a condition; only other modules of this package call it."""
    with conn.cursor(row_factory=class_row(Payout)) as cursor:
        return cursor.execute(
            f"select {_PAYMENT}, {_TODAY} {_JOINS} where {where}", params
        ).fetchall()
