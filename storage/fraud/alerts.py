"""Fraud alerts: one row each, with all that was seen."""

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


@dataclass(frozen=True)
class Alert:
    """A stored alert; see the table for what each column means."""

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


@dataclass(frozen=True)
class NewAlert:
    """What a detection pass found."""

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


def add(conn: Connection, alert: NewAlert) -> bool:
    """Store an alert unless its subject has an active one. Returns: whether it was stored."""
    cursor = conn.execute(
        "insert into fraud_alerts (id, subject, post_id, creator_id, action, reason, score_bps,"
        " signals, thresholds_version, seen_from, seen_until, detected_at, review_by) values (%s,"
        " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            alert.id,
            alert.subject,
            alert.post_id,
            alert.creator_id,
            alert.action,
            alert.reason,
            alert.score_bps,
            json.dumps(list(alert.signals)),
            alert.thresholds_version,
            alert.seen_from,
            alert.seen_until,
            alert.detected_at,
            alert.review_by,
        ),
    )
    return cursor.rowcount == 1


def get(conn: Connection, alert_id: UUID, *, lock: bool = False) -> Alert:
    """The alert; with `lock` nobody else can change it until the transaction ends.

    Raises: NotFound.
    """
    found = _select(conn, "a.id = %s" + (" for update of a" if lock else ""), (alert_id,))
    if not found:
        raise NotFound(f"There is no alert {alert_id}.")
    return found[0]


def find_latest(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int
) -> Alert | None:
    """The newest alert at a post or creator, locked, whatever became of it."""
    where = "a.subject = %s and " + ("a.post_id = %s" if subject == "post" else "a.creator_id = %s")
    key = post_id if subject == "post" else creator_id
    found = _select(
        conn,
        where + " order by a.detected_at desc, a.id desc limit 1 for update of a",
        (subject, key),
    )
    return found[0] if found else None


def last_closed(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int
) -> datetime | None:
    """When the last alert at a post or creator ended, None where none has."""
    where, key = ("post_id = %s", post_id) if subject == "post" else ("creator_id = %s", creator_id)
    row = conn.execute(
        f"select max(closed_at) from fraud_alerts where subject = %s and {where}", (subject, key)
    ).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def dismissed_signals(
    conn: Connection, subject: str, post_id: bytes | None, creator_id: int, since: datetime
) -> set[str]:
    """Names of the signals that people dismissed at a post or creator since then."""
    where, key = ("post_id = %s", post_id) if subject == "post" else ("creator_id = %s", creator_id)
    rows = conn.execute(
        "select distinct s->>'name' from fraud_alerts, jsonb_array_elements(signals) s"
        f" where subject = %s and {where} and status = 'reversed' and decided_at >= %s",
        (subject, key, since),
    ).fetchall()
    return {row[0] for row in rows}


def accuse(conn: Connection, alert_id: UUID, actor: str) -> None:
    """Note that somebody had a part in an alert against the creator, and so never decides it."""
    conn.execute(
        "update fraud_alerts set accusers = array_append(accusers, %(actor)s) where id = %(id)s"
        " and not %(actor)s = any(accusers)",
        {"actor": actor, "id": alert_id},
    )


def update(conn: Connection, alert_id: UUID, **columns: object) -> None:
    """Change columns of an alert; the caller has locked it."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    conn.execute(
        f"update fraud_alerts set {assignments}, updated_at = now() where id = %s",
        (*columns.values(), alert_id),
    )


def renew(conn: Connection, alert_id: UUID, found: NewAlert) -> None:
    """Put what a later pass saw in place of what was seen before."""
    conn.execute(
        "update fraud_alerts set action = %s, reason = %s, score_bps = %s, signals = %s,"
        " thresholds_version = %s, seen_from = least(seen_from, %s), seen_until ="
        " greatest(seen_until, %s), updated_at = now() where id = %s",
        (
            found.action,
            found.reason,
            found.score_bps,
            json.dumps(list(found.signals)),
            found.thresholds_version,
            found.seen_from,
            found.seen_until,
            alert_id,
        ),
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
    """Alerts, newest first, from after a place in that order."""
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
    """Active alerts whose time is over: held money to set free, or open ones that nobody looked
    at.
    """
    rows = conn.execute(
        "select id from fraud_alerts where status = any(%s) and coalesce(frozen_until, review_by)"
        " <= %s order by coalesce(frozen_until, review_by) limit %s",
        (list(ACTIVE), now, limit),
    ).fetchall()
    return [row[0] for row in rows]


def add_sources(conn: Connection, alert_id: UUID, sources: Mapping[str, Sequence[str]]) -> None:
    """Keep whose events an alert rests on: values by scope (account, device)."""
    for scope, values in sources.items():
        conn.execute(
            "insert into fraud_alert_sources (alert_id, scope, value) select %s, %s,"
            " unnest(%s::text[]) on conflict do nothing",
            (alert_id, scope, list(values)),
        )


def sources(conn: Connection, alert_id: UUID) -> dict[str, list[str]]:
    """Values by scope."""
    rows = conn.execute(
        "select scope, array_agg(value order by value) from fraud_alert_sources where alert_id ="
        " %s group by scope",
        (alert_id,),
    ).fetchall()
    return dict(rows)


def track_record(conn: Connection, since: datetime) -> tuple[int, int]:
    """How many alerts were decided since then, and how many of those were wrong."""
    row = conn.execute(
        "select count(*), count(*) filter (where status = 'reversed') from fraud_alerts"
        " where status in ('upheld', 'reversed') and decided_at >= %s and frozen_at is not null",
        (since,),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def record_by_signal(conn: Connection, since: datetime) -> list[tuple[str, int, int, int]]:
    """How each signal did since then: its name, its alerts, how many were decided, how many of
    those wrong.
    """
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
    """Alerts whose creator was told and has not appealed here, the first to end first."""
    return _select(conn, "a.status = 'notified' order by a.frozen_until limit %s", (limit,))


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Alert]:
    with conn.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from fraud_alerts a join creators c on c.id = a.creator_id where"
            f" {where}",
            params,
        ).fetchall()
