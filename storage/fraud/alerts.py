"""Fraud alerts, one row each, with their signals."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound

ACTIVE = ("open", "frozen", "notified", "appealed", "upheld")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A stored alert; see the table for the meaning of each column."""

    id: UUID
    subject: str
    post_id: bytes | None
    creator_id: int
    creator: str
    account: bytes
    status: str
    round: int
    action: str
    reason: str
    score_bps: int
    signals: Sequence[Mapping[str, Any]]
    thresholds_version: int
    seen_from: datetime
    seen_until: datetime
    detected_at: datetime
    frozen_by: str | None
    frozen_at: datetime | None
    frozen_until: datetime | None
    review_by: datetime
    statement_hash: bytes | None
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    accusers: Sequence[str]
    held_before: timedelta
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewAlert:
    """An alert as a detection pass raises it."""

    id: UUID
    subject: str
    post_id: bytes | None
    creator_id: int
    action: str
    reason: str
    score_bps: int
    signals: Sequence[Mapping[str, Any]]
    thresholds_version: int
    seen_from: datetime
    seen_until: datetime
    detected_at: datetime
    review_by: datetime


COLUMNS = (
    "a.id, a.subject, a.post_id, a.creator_id, c.handle as creator, c.account, a.status, a.round,"
    " a.action, a.reason, a.score_bps, a.signals, a.thresholds_version, a.seen_from, a.seen_until,"
    " a.detected_at, a.frozen_by, a.frozen_at, a.frozen_until, a.review_by, a.statement_hash,"
    " a.decided_by, a.decided_at, a.decision_reason, a.accusers, a.held_before, a.closed_at"
)


# Nothing happens where the subject has an active alert.
_INSERT = """
insert into fraud_alerts (id, subject, post_id, creator_id, action, reason, score_bps, signals,
    thresholds_version, seen_from, seen_until, detected_at, review_by)
values (%(id)s, %(subject)s, %(post_id)s, %(creator_id)s, %(action)s, %(reason)s, %(score_bps)s,
    %(signals)s, %(thresholds_version)s, %(seen_from)s, %(seen_until)s, %(detected_at)s,
    %(review_by)s)
on conflict do nothing
"""


def add(conn: Connection, alert: NewAlert) -> bool:
    """Store an alert unless its subject has an active one. Returns: whether it was stored."""
    return conn.execute(_INSERT, _row(alert)).rowcount == 1


def get(conn: Connection, alert_id: UUID, *, lock: bool = False) -> Alert:
    """Return an alert; with `lock`, lock it until the transaction ends. Raises: NotFound."""
    alerts = _select(conn, "a.id = %s" + (" for update of a" if lock else ""), (alert_id,))
    if not alerts:
        raise NotFound(f"There is no alert {alert_id}.")
    return alerts[0]


def find_latest(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int
) -> Alert | None:
    """Return the newest alert about a post or creator, locked, whatever its status."""
    where = "a.subject = %s and " + ("a.post_id = %s" if subject == "post" else "a.creator_id = %s")
    key = post_id if subject == "post" else creator_id
    where += " order by a.detected_at desc, a.id desc limit 1 for update of a"
    return next(iter(_select(conn, where, (subject, key))), None)


def last_closed(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int
) -> datetime | None:
    """Return when the last alert about a post or creator was closed, or None."""
    where, key = ("post_id = %s", post_id) if subject == "post" else ("creator_id = %s", creator_id)
    row = conn.execute(
        f"select max(closed_at) from fraud_alerts where subject = %s and {where}", (subject, key)
    ).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def is_known(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int, machine: str
) -> bool:
    """Return whether a machine held this subject before, or a person found an alert about it
    wrong.
    """
    where, key = ("post_id = %s", post_id) if subject == "post" else ("creator_id = %s", creator_id)
    row = conn.execute(
        f"select exists (select 1 from fraud_alerts where subject = %s and {where}"
        " and (status = 'reversed' or %s = any(accusers)))",
        (subject, key, machine),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def accuse(conn: Connection, alert_id: UUID, actor: str) -> None:
    """Record that an actor took part in an alert, and so may never decide it."""
    conn.execute(
        "update fraud_alerts set accusers = array_append(accusers, %(actor)s) where id = %(id)s"
        " and not %(actor)s = any(accusers)",
        {"actor": actor, "id": alert_id},
    )


def update(conn: Connection, alert_id: UUID, **columns: object) -> None:
    """Change columns of an alert; the caller holds its lock."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    conn.execute(
        f"update fraud_alerts set {assignments}, updated_at = now() where id = %s",
        (*columns.values(), alert_id),
    )


# What is shown is the later pass; the span of time covers both.
_RENEW = """
update fraud_alerts set action = %(action)s, reason = %(reason)s, score_bps = %(score_bps)s,
    signals = %(signals)s, thresholds_version = %(thresholds_version)s,
    seen_from = least(seen_from, %(seen_from)s), seen_until = greatest(seen_until, %(seen_until)s),
    updated_at = now()
where id = %(id)s
"""


def renew(conn: Connection, alert_id: UUID, alert: NewAlert) -> None:
    """Replace the content of an alert by that of a later pass."""
    conn.execute(_RENEW, _row(alert) | {"id": alert_id})


def extend(conn: Connection, alert_id: UUID, alert: NewAlert) -> None:
    """Widen the span of time of an alert to that of a later pass."""
    conn.execute(
        "update fraud_alerts set seen_from = least(seen_from, %(seen_from)s), seen_until ="
        " greatest(seen_until, %(seen_until)s), updated_at = now() where id = %(id)s",
        _row(alert) | {"id": alert_id},
    )


def page(
    conn: Connection,
    *,
    status: str | None = None,
    creator_id: int | None = None,
    post_id: bytes | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Alert]:
    """Return alerts, newest first, after a cursor.

    Args:
        before: (detected_at, id) of the last alert of the previous page.
    """
    conditions: dict[str, object] = {}
    if status is not None:
        conditions["a.status = %s"] = status
    if creator_id is not None:
        conditions["a.creator_id = %s"] = creator_id
    if post_id is not None:
        conditions["a.post_id = %s"] = post_id
    where = " and ".join(["true", *conditions])
    params: list[object] = list(conditions.values())
    if before is not None:
        where += " and (a.detected_at, a.id) < (%s, %s)"
        params += before
    return _select(
        conn, where + " order by a.detected_at desc, a.id desc limit %s", (*params, limit)
    )


def due(conn: Connection, now: datetime, limit: int = 500) -> list[UUID]:
    """Return active alerts whose time is over: holds that end, and open ones never reviewed."""
    rows = conn.execute(
        "select id from fraud_alerts where status = any(%s) and coalesce(frozen_until, review_by)"
        " <= %s order by coalesce(frozen_until, review_by) limit %s",
        (list(ACTIVE), now, limit),
    ).fetchall()
    return [row[0] for row in rows]


def add_sources(conn: Connection, alert_id: UUID, sources: Mapping[str, Sequence[str]]) -> None:
    """Store the sources of an alert's events: values by scope (account, device, ip_hash)."""
    for scope, values in sources.items():
        conn.execute(
            "insert into fraud_alert_sources (alert_id, scope, value) select %s, %s,"
            " unnest(%s::text[]) on conflict do nothing",
            (alert_id, scope, list(values)),
        )


def sources(conn: Connection, alert_id: UUID) -> dict[str, list[str]]:
    """Return the sources of an alert's events: values by scope."""
    rows = conn.execute(
        "select scope, array_agg(value order by value) from fraud_alert_sources where alert_id ="
        " %s group by scope",
        (alert_id,),
    ).fetchall()
    return dict(rows)


def track_record(conn: Connection, since: datetime) -> tuple[int, int, int]:
    """Count the holds decided since then, those of them that were reversed, and those that ended
    without a review and prove nothing.
    """
    row = conn.execute(
        "select count(*) filter (where status in ('upheld', 'reversed') and decided_at >="
        " %(since)s), count(*) filter (where status = 'reversed' and decided_at >= %(since)s),"
        " count(*) filter (where status = 'expired' and decided_at is null and closed_at >="
        " %(since)s) from fraud_alerts where frozen_at is not null",
        {"since": since},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def record_by_signal(conn: Connection, since: datetime) -> list[tuple[str, int, int, int]]:
    """Count for each signal its alerts since then, those decided, and those reversed."""
    rows = conn.execute(
        "select s->>'name', count(*), count(*) filter (where status in ('upheld', 'reversed')),"
        " count(*) filter (where status = 'reversed') from fraud_alerts,"
        " jsonb_array_elements(signals) s where detected_at >= %s group by 1 order by 2 desc, 1",
        (since,),
    ).fetchall()
    return [
        (str(name), int(count), int(decided), int(wrong)) for name, count, decided, wrong in rows
    ]


def frozen_rounds(conn: Connection, limit: int = 500) -> list[Alert]:
    """Return alerts whose creator was notified and has not appealed, nearest end first."""
    return _select(conn, "a.status = 'notified' order by a.frozen_until limit %s", (limit,))


def _row(alert: NewAlert) -> dict[str, object]:
    return vars(alert) | {"signals": json.dumps(list(alert.signals))}


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Alert]:
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from fraud_alerts a join creators c on c.id = a.creator_id where"
            f" {where}",
            params,
        ).fetchall()
