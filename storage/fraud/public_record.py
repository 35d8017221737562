"""The public part of the hash-chained log: what enters it, its pages, and its heads on chain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection

# Steps whose bytes hold ids, hashes, accounts and numbers only. Of the others the hash is public.
PUBLIC_STEPS = (
    "decision",
    "permission",
    "history",
    "erasure",
    "key",
    "rules",
    "settlement",
    "settled_pair",
    "ruling",
    "hold",
    "grade",
)


@dataclass(frozen=True)
class Waiting:
    """What is to enter the log."""

    id: int
    at: datetime
    step: str
    reason_code: str
    text: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedStep:
    """A row of the log as everybody may see it; `body` are the bytes that the hash is over."""

    seq: int
    at: datetime
    step: str
    previous_hash: bytes
    hash: bytes
    body: bytes | None


@dataclass(frozen=True)
class Anchor:
    """A head of the log that was put on chain; `tx_hash` is None until a block holds it."""

    day: date
    seq: int
    hash: bytes
    status: str
    tx_hash: bytes | None


def list_waiting(conn: Connection, limit: int) -> list[Waiting]:
    """What is not in the log yet, oldest first, locked until the transaction ends."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(
            "select id, at, step, reason_code, text, facts from record_queue where seq is null"
            " order by id limit %s for update skip locked",
            (limit,),
        ).fetchall()


def mark_recorded(conn: Connection, waiting_id: int, seq: int) -> None:
    """Note the number of a row in the log."""
    conn.execute("update record_queue set seq = %s where id = %s", (seq, waiting_id))


def page(conn: Connection, after: int, limit: int) -> list[RecordedStep]:
    """The rows of the log after a number, oldest first."""
    with conn.cursor(row_factory=class_row(RecordedStep)) as cursor:
        return cursor.execute(
            "select seq, at, step, previous_hash, hash, case when step = any(%s) then body end as"
            " body from fraud_audit where seq > %s order by seq limit %s",
            (list(PUBLIC_STEPS), after, limit),
        ).fetchall()


def bodies(
    conn: Connection, steps: Sequence[str], after: int, up_to: int
) -> Iterator[tuple[int, str, str]]:
    """Yield number, name and body of the public steps of those names after a number, up to another
    one, oldest first.
    """
    with conn.cursor(name="record") as cursor:
        cursor.execute(
            "select seq, step, convert_from(body, 'UTF8') from fraud_audit where step = any(%s)"
            " and seq > %s and seq <= %s order by seq",
            ([step for step in steps if step in PUBLIC_STEPS], after, up_to),
        )
        yield from cursor


def head_before(conn: Connection, moment: datetime) -> tuple[int, bytes] | None:
    """Number and hash of the last step before a moment, None where there is none."""
    row = conn.execute(
        "select seq, hash from fraud_audit where at < %s order by seq desc limit 1", (moment,)
    ).fetchone()
    return (int(row[0]), bytes(row[1])) if row else None


def last_anchor(conn: Connection) -> tuple[date, int] | None:
    """Day and number of the last head that was put on chain, None before the first."""
    row = conn.execute("select day, seq from record_anchors order by day desc limit 1").fetchone()
    return (row[0], int(row[1])) if row else None


def add_anchor(conn: Connection, day: date, seq: int, digest: bytes, call_id: int) -> None:
    """Note which call puts a head on chain."""
    conn.execute(
        "insert into record_anchors (day, seq, hash, call_id) values (%s, %s, %s, %s)",
        (day, seq, digest, call_id),
    )


def list_anchors(conn: Connection, limit: int) -> list[Anchor]:
    """The heads that were put on chain, the newest first."""
    with conn.cursor(row_factory=class_row(Anchor)) as cursor:
        return cursor.execute(
            "select day, seq, hash, c.status, t.mined_hash as tx_hash from record_anchors a join"
            " chain_calls c on c.id = a.call_id left join chain_transactions t on t.id ="
            " c.transaction_id order by day desc limit %s",
            (limit,),
        ).fetchall()
