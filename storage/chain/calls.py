"""Calls of contracts that are to be made: written with what decides them, sent by the process that
holds the key.

A producer adds a call (or queues a draft), may cancel it, and is told by its status what became of
it. The sender knows the status and the bytes, and never what a call means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True)
class Call:
    """One call; its statuses are explained where the table is made."""

    id: int
    key: str
    sender: str  # a role of the deployment, or oracle: whoever signs reports
    contract: str  # as the deployment calls it
    call_data: bytes | None
    status: str
    cancel_requested: bool
    transaction_id: int | None
    error_code: str | None
    error_detail: str | None
    tries: int


COLUMNS = (
    "id, key, sender, contract, call_data, status, cancel_requested, transaction_id,"
    " error_code, error_detail, tries"
)


# For producers


def get(conn: Connection, call_id: int) -> Call:
    """A call and what became of it. Raises: NotFound."""
    found = select(conn, "id = %s", (call_id,))
    if not found:
        raise NotFound(f"There is no call {call_id}.")
    return found[0]


def find(conn: Connection, key: str) -> Call | None:
    """The call of that key, None if there is none yet."""
    return next(iter(select(conn, "key = %s", (key,))), None)


def add(
    conn: Connection,
    key: str,
    *,
    sender: str,
    contract: str,
    call_data: bytes,
    after_id: int | None = None,
) -> int:
    """Queue a call, in the transaction that decides it. The same key a second time changes nothing.

    Args:
        after_id: A call that must be final or cancelled before this one is sent.
    Returns: the call's id.
    """
    row = conn.execute(
        "insert into chain_calls (key, sender, contract, call_data, status, after_id) values (%s,"
        " %s, %s, %s, 'wanted', %s) on conflict (key) do update set key = excluded.key returning"
        " id",
        (key, sender, contract, call_data, after_id),
    ).fetchone()
    assert row is not None
    return int(row[0])


def queue(
    conn: Connection, call_id: int, call_data: bytes, *, delay: timedelta = timedelta(0)
) -> bool:
    """Queue a draft to be sent, or after a while a call that the contract refused; until then it
    says why.

    Returns: False where it is neither any more, as it was cancelled meanwhile.
    """
    done = conn.execute(
        "update chain_calls set status = 'wanted', call_data = %(data)s, transaction_id = null,"
        " error_code = case when %(waits)s then error_code end,"
        " error_detail = case when %(waits)s then error_detail end,"
        " next_try_at = now() + %(delay)s, updated_at = now()"
        " where id = %(id)s and status in ('draft', 'reverted')",
        {"data": call_data, "waits": delay > timedelta(0), "delay": delay, "id": call_id},
    )
    return done.rowcount == 1


def repeat(conn: Connection, call_id: int) -> None:
    """Make a call again that has ended, as its producer finds no trace of it on the chain."""
    conn.execute(
        "update chain_calls set status = 'wanted', transaction_id = null, cancel_requested ="
        " false, error_code = null, error_detail = null, next_try_at = now(), updated_at = now()"
        " where id = %s and status not in ('sent', 'included')",
        (call_id,),
    )


def return_to_draft(conn: Connection, call_id: int) -> None:
    """Make a queued call a draft again, if it is not sent yet and not given up."""
    conn.execute(
        "update chain_calls set status = 'draft', updated_at = now()"
        " where id = %s and status in ('wanted', 'reverted')",
        (call_id,),
    )


def restore(conn: Connection, call_id: int) -> None:
    """Make a call a draft again that was given up.

    One whose cancelling is still under way becomes what its nonce is spent on: final, or wanted
    again.
    """
    conn.execute(
        "update chain_calls set status = case when status = 'cancelled' then 'draft' else status"
        " end, cancel_requested = false, updated_at = now() where id = %s",
        (call_id,),
    )


def cancel(conn: Connection, call_id: int, code: str, detail: str) -> None:
    """Give a call up. What is signed already is replaced; until then its status stays as it is."""
    conn.execute(
        "update chain_calls set cancel_requested = true, error_code = %s, error_detail = %s,"
        " updated_at = now(), status = case when status in ('draft', 'wanted', 'reverted') then"
        " 'cancelled' else status end where id = %s and status not in ('final', 'cancelled')",
        (code, detail, call_id),
    )


def close(conn: Connection, call_id: int) -> None:
    """Give a call up that the contract refused, with the reason it gave."""
    conn.execute(
        "update chain_calls set status = 'cancelled', updated_at = now() where id = %s and status"
        " = 'reverted'",
        (call_id,),
    )


# For the sender


def ready(conn: Connection, senders: Sequence[str], limit: int) -> Sequence[Call]:
    """Calls to send now, the oldest first."""
    return select(
        conn,
        "status = 'wanted' and sender = any(%s) and next_try_at <= now() and not exists (select"
        " from chain_calls first where first.id = chain_calls.after_id and first.status not in"
        " ('final', 'cancelled')) order by id limit %s",
        (list(senders), limit),
    )


def attach(conn: Connection, call_id: int, transaction_id: int) -> bool:
    """Note the transaction that makes a call, before it is sent.

    False where it is not wanted any more.
    """
    done = conn.execute(
        "update chain_calls set status = 'sent', transaction_id = %s, error_code = null,"
        " error_detail = null, updated_at = now() where id = %s and status = 'wanted'",
        (transaction_id, call_id),
    )
    return done.rowcount == 1


def revert(conn: Connection, call_id: int, code: str, detail: str) -> None:
    """The contract would refuse it: nothing is sent until its producer wants it again."""
    conn.execute(
        "update chain_calls set status = 'reverted', error_code = %s, error_detail = %s, tries ="
        " tries + 1, updated_at = now() where id = %s and status = 'wanted'",
        (code, detail, call_id),
    )


def postpone(conn: Connection, call_id: int, code: str, detail: str, delay: timedelta) -> None:
    """It could not be asked about or sent: the sender tries again by itself, with the reason
    shown.
    """
    conn.execute(
        "update chain_calls set error_code = %s, error_detail = %s, next_try_at = now() + %s,"
        " updated_at = now() where id = %s and status = 'wanted'",
        (code, detail, delay, call_id),
    )


def find_carried(conn: Connection, transaction_id: int) -> Call | None:
    """The call that a transaction makes."""
    return next(iter(select(conn, "transaction_id = %s", (transaction_id,))), None)


def note_error(conn: Connection, transaction_id: int, code: str, detail: str) -> None:
    """Show why a call is not on its way; the sender goes on trying."""
    conn.execute(
        "update chain_calls set error_code = %s, error_detail = %s, updated_at = now() where"
        " transaction_id = %s and not cancel_requested",
        (code, detail, transaction_id),
    )


def mark_sent(conn: Connection, transaction_id: int) -> None:
    """A transaction went out (again), or its block is gone; also after a resync, when it had
    ended before.
    """
    conn.execute(
        "update chain_calls set status = 'sent', updated_at = now(), error_code = case when"
        " cancel_requested then error_code end, error_detail = case when cancel_requested then"
        " error_detail end where transaction_id = %s and status in ('sent', 'included', 'final',"
        " 'reverted', 'cancelled')",
        (transaction_id,),
    )


def mark_included(conn: Connection, transaction_id: int) -> None:
    """A block holds the call."""
    _mark(conn, transaction_id, "included")


def mark_final(conn: Connection, transaction_id: int) -> None:
    """The block is final."""
    _mark(conn, transaction_id, "final")


def mark_reverted(conn: Connection, transaction_id: int, code: str, detail: str) -> None:
    """It reverted in a final block; one that was given up ends by that, too."""
    conn.execute(
        "update chain_calls set tries = tries + 1, updated_at = now(),"
        " status = case when cancel_requested then 'cancelled' else 'reverted' end,"
        " error_code = case when cancel_requested then error_code else %s end,"
        " error_detail = case when cancel_requested then error_detail else %s end"
        " where transaction_id = %s and status in ('sent', 'included')",
        (code, detail, transaction_id),
    )


def mark_void(conn: Connection, transaction_id: int) -> None:
    """Its nonce is spent for good and it was not made: ended where it was given up, else wanted
    again.
    """
    conn.execute(
        "update chain_calls set status = case when cancel_requested then 'cancelled' else 'wanted'"
        " end, transaction_id = case when cancel_requested then transaction_id end, updated_at ="
        " now() where transaction_id = %s and status in ('sent', 'included')",
        (transaction_id,),
    )


def _mark(conn: Connection, transaction_id: int, status: str) -> None:
    conn.execute(
        "update chain_calls set status = %s, error_code = null, error_detail = null, updated_at ="
        " now() where transaction_id = %s and status in ('sent', 'included')",
        (status, transaction_id),
    )


def select(conn: Connection, where: str, params: tuple[object, ...]) -> Sequence[Call]:
    """Calls by a condition; only other modules of this package call it."""
    with conn.cursor(row_factory=class_row(Call)) as cursor:
        return cursor.execute(f"select {COLUMNS} from chain_calls where {where}", params).fetchall()
