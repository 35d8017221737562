"""What an operator has to look at: one row a matter, until it is resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class OperatorAlert:
    """A matter that no rule of ours can end."""

    id: int
    kind: str
    subject: str
    detail: str
    raised_at: datetime
    seen_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


COLUMNS = "id, kind, subject, detail, raised_at, seen_at, resolved_at, resolved_by, note"


def report(conn: Connection, kind: str, subject: str, detail: str, now: datetime) -> bool:
    """Report a matter; while one of this kind and subject is open only its detail is renewed.

    Returns: whether it is new.
    """
    row = conn.execute(
        "insert into operator_alerts (kind, subject, detail, raised_at, seen_at) values (%(kind)s,"
        " %(subject)s, %(detail)s, %(now)s, %(now)s) on conflict (kind, subject) where resolved_at"
        " is null do update set detail = excluded.detail, seen_at = excluded.seen_at returning"
        " xmax = 0",
        {"kind": kind, "subject": subject, "detail": detail, "now": now},
    ).fetchone()
    assert row is not None
    return bool(row[0])


def end(conn: Connection, kind: str, subject: str, now: datetime) -> None:
    """Resolve the open matter of a kind and subject, if there is one: it is gone."""
    conn.execute(
        "update operator_alerts set resolved_at = %s, resolved_by = 'rules', note = 'It is gone.'"
        " where kind = %s and subject = %s and resolved_at is null",
        (now, kind, subject),
    )


def end_unseen(conn: Connection, kind: str, seen: Sequence[str], now: datetime) -> int:
    """Resolve the open matters of a kind that are gone. Returns: how many."""
    return conn.execute(
        "update operator_alerts set resolved_at = %s, resolved_by = 'rules', note = 'It is gone.'"
        " where kind = %s and resolved_at is null and subject <> all(%s)",
        (now, kind, list(seen)),
    ).rowcount


def resolve(conn: Connection, alert_id: int, *, by: str, note: str, now: datetime) -> None:
    """Note what was done about a matter. Raises: NotFound unless it is open."""
    done = conn.execute(
        "update operator_alerts set resolved_at = %s, resolved_by = %s, note = %s where id = %s"
        " and resolved_at is null",
        (now, by, note, alert_id),
    )
    if not done.rowcount:
        raise NotFound(f"There is no open operator alert {alert_id}.")


def is_of_kind(conn: Connection, alert_id: int, kind: str) -> bool:
    """Return whether a matter is of this kind."""
    row = conn.execute("select kind from operator_alerts where id = %s", (alert_id,)).fetchone()
    return row is not None and row[0] == kind


def find_open(conn: Connection, kind: str, subject: str) -> OperatorAlert | None:
    """Return the open matter of a kind and subject, None without one."""
    with conn.cursor(row_factory=class_row(OperatorAlert)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from operator_alerts where kind = %s and subject = %s and"
            " resolved_at is null",
            (kind, subject),
        ).fetchone()


def was_resolved(conn: Connection, kind: str, subject: str, since: datetime) -> bool:
    """Return whether a matter of that kind and subject was resolved since then."""
    row = conn.execute(
        "select exists (select from operator_alerts where kind = %s and subject = %s and"
        " resolved_at >= %s)",
        (kind, subject, since),
    ).fetchone()
    return bool(row and row[0])


def list_open(conn: Connection, limit: int = 200) -> list[OperatorAlert]:
    """The open matters, the oldest first."""
    with conn.cursor(row_factory=class_row(OperatorAlert)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from operator_alerts where resolved_at is null order by id limit %s",
            (limit,),
        ).fetchall()


def counts(conn: Connection) -> dict[str, int]:
    """How many matters of each kind are open."""
    return dict(
        conn.execute(
            "select kind, count(*) from operator_alerts where resolved_at is null group by kind"
        ).fetchall()
    )
