"""Which pay of the ledger has reached the contract, and whether both divided it alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from storage.database import Connection

PAYING_LOCK = 0x0_BA9C  # one sender at a time: two would pay the gas of a refusal
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=30), timedelta(hours=1)
# The redirect by which the contested part of a payment `t` was paid out since, as `s`.
SETTLED = (
    "left join lateral (select (facts->>'redirect_bps')::int as redirect_bps from"
    " ledger_transactions where post_id = t.post_id and kind = 'contest_settled' and id > t.id and"
    " (t.facts->>'contested')::boolean order by id limit 1) s on true"
)
UNSENT = "status in ('due', 'refused', 'held')"
RAISED_TO = "case t.kind when 'correction' then t.facts->>'grade' end"


@dataclass(frozen=True)
class Standing:
    """What the ledger hold of a post today.

    `creditor_account` is 20 bytes, None without a redirect.
    """

    verdict: str
    redirect_bps: int
    creditor_account: bytes | None


@dataclass(frozen=True)
class PayToSend:
    """A payment of the ledger that the contract has not made yet, in cents.

    A correction (`raised_to` is the better grade) is what was missing of a bonus: `base_minor` is
    all of it, and its `grade` adds nothing. `settled_redirect_bps` is the redirect by which its
    contested part was paid out, None where none was.
    """

    transaction_id: int
    post_id: bytes
    week: date
    raised_to: str | None
    base_minor: int
    grade: str
    to_original_minor: int
    to_poster_minor: int
    settled_redirect_bps: int | None
    today: Standing
    signed: "Signed | None" = None


@dataclass(frozen=True)
class Signed:
    """The last transaction that was signed for a payment: by whom (20 bytes), and when.

    It may be under way still.
    """

    by: bytes
    nonce: int
    at: datetime


@dataclass(frozen=True)
class SentPay:
    """A payment that a block holds which may still go."""

    transaction_id: int
    post_id: bytes
    week: date
    raised_to: str | None


def try_lock(conn: Connection) -> bool:
    """Become the one sender until the transaction ends; False if another process is."""
    row = conn.execute("select pg_try_advisory_xact_lock(%s)", (PAYING_LOCK,)).fetchone()
    return bool(row and row[0])


def list_unsent(conn: Connection, now: datetime, limit: int) -> list[PayToSend]:
    """Payments to try now, the longest waiting first.

    Weeks without any money and posts in dispute are left out.
    """
    rows = conn.execute(
        f"select t.id, t.post_id, t.week, {RAISED_TO}, (t.facts->>case t.kind when 'pay' then"
        " 'base_minor' else 'missing_minor' end)::bigint, case t.kind when 'pay' then"
        " t.facts->>'grade' else 'C' end, (t.facts->>'to_original_minor')::bigint,"
        " (t.facts->>'to_poster_minor')::bigint, s.redirect_bps, p.verdict, p.redirect_bps,"
        " c.account, q.signed_by, q.signed_nonce, q.signed_at from ledger_chain_payments q join"
        " ledger_transactions t on t.id = q.transaction_id join post_terms p on p.post_id ="
        f" t.post_id and not p.disputed left join creators c on c.id = p.creditor_id {SETTLED}"
        f" where q.{UNSENT} and q.next_try_at <= %s order by q.next_try_at, q.transaction_id limit"
        " %s",
        (now, limit),
    ).fetchall()
    return [
        PayToSend(*(*row[:9], Standing(*row[9:12]), Signed(*row[12:]) if row[12] else None))
        for row in rows
    ]


def stuck_minor(conn: Connection, creator_id: int) -> int:
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


def list_sent(conn: Connection, final_block: int, limit: int) -> list[SentPay]:
    """Payments that are final, or gone, if everything up to `final_block` is final; the first
    sent first.
    """
    rows = conn.execute(
        f"select t.id, t.post_id, t.week, {RAISED_TO} from ledger_chain_payments"
        " join ledger_transactions t on t.id = transaction_id"
        " where status = 'sent' and sent_block <= %s order by sent_block, t.id limit %s",
        (final_block, limit),
    ).fetchall()
    return [SentPay(row[0], bytes(row[1]), *row[2:]) for row in rows]


def keep_signed(conn: Connection, transaction_id: int, signed: Signed) -> bool:
    """A transaction is about to be sent: from now on nobody may pay it another way. Commit it
    before the sending.

    Returns: False where it must not be sent, as it was withheld meanwhile.
    """
    done = conn.execute(
        # A nonce may come twice or go back, where the chain forgot a transaction; the highest is
        # the last to be spent.
        "update ledger_chain_payments set status = 'due', error = null, updated_at = %(at)s,"
        " signed_at = %(at)s, signed_nonce = greatest(%(nonce)s, case when signed_by = %(by)s then"
        f" signed_nonce end), signed_by = %(by)s where transaction_id = %(id)s and {UNSENT}",
        {"id": transaction_id, "by": signed.by, "nonce": signed.nonce, "at": signed.at},
    )
    return done.rowcount == 1


def keep_waiting(conn: Connection, transaction_id: int, now: datetime) -> None:
    """What was sent is under way still: look again in a while."""
    conn.execute(
        "update ledger_chain_payments set status = 'due', error = null, next_try_at = %s,"
        f" updated_at = %s where transaction_id = %s and {UNSENT}",
        (now + FIRST_PAUSE, now, transaction_id),
    )


def keep_sent(
    conn: Connection,
    transaction_id: int,
    parts: tuple[int, int] | None,
    agrees: bool | None,
    *,
    block: int,
    now: datetime,
) -> None:
    """A block up to `block` holds the payment: its parts (original's, poster's), None where an
    earlier run sent it.

    Also one that was withheld meanwhile; never one that was settled, which is not changed.
    """
    to_original, to_poster = parts or (None, None)
    conn.execute(
        "update ledger_chain_payments set status = 'sent', to_original = %s, to_poster = %s,"
        " agrees = %s, sent_block = %s, error = null, tries = tries + 1, updated_at = %s,"
        " withheld_by = null, withheld_note = null, withheld_to_original = null,"
        " withheld_to_poster = null, confirmed_at = null where transaction_id = %s and status <>"
        " 'settled'",
        (to_original, to_poster, agrees, block, now, transaction_id),
    )


def keep_moved(conn: Connection, transaction_id: int, block: int) -> None:
    """Another block, one up to `block`, holds the payment now."""
    conn.execute(
        "update ledger_chain_payments set sent_block = %s where transaction_id = %s",
        (block, transaction_id),
    )


def keep_paid(conn: Connection, transaction_id: int, now: datetime) -> None:
    """A final block holds the payment."""
    conn.execute(
        "update ledger_chain_payments set status = 'paid', updated_at = %s where transaction_id ="
        " %s",
        (now, transaction_id),
    )


def keep_lost(conn: Connection, transaction_id: int, now: datetime) -> None:
    """The block that held the payment is gone, and it with the block: it is sent again, without
    waiting for it.
    """
    conn.execute(
        "update ledger_chain_payments set status = 'due', to_original = null, to_poster = null,"
        " agrees = null, sent_block = null, next_try_at = %(now)s, updated_at = %(now)s, signed_at"
        " = signed_at - interval '1 day' where transaction_id = %(id)s",
        {"now": now, "id": transaction_id},
    )


def keep_unpaid(
    conn: Connection,
    transaction_id: int,
    status: str,
    error: str,
    now: datetime,
    chain_says: Mapping[str, Any] | None = None,
) -> None:
    """Not paid: `refused` by the contract, or `held` before it was sent. It is tried again, ever
    less often.

    Args: chain_says: how the contract judges the post, for people to see why.
    """
    conn.execute(
        "update ledger_chain_payments set status = %(status)s, error = %(error)s, tries = tries +"
        " 1, chain_says = %(says)s, updated_at = %(now)s, next_try_at = %(now)s +"
        " least(%(longest)s, %(first)s * 2 ^ least(tries, 20)) where transaction_id = %(id)s and"
        f" {UNSENT}",
        {
            "status": status,
            "error": error,
            "now": now,
            "id": transaction_id,
            "first": FIRST_PAUSE,
            "longest": MAX_PAUSE,
            "says": None if chain_says is None else Jsonb(dict(chain_says)),
        },
    )
