"""Notices to creators: the messages of their dashboard, and their delivery to a webhook."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class NewMessage:
    """A rendered message and the facts it was filled from. `sha256` is over subject and body."""

    id: UUID
    creator_id: int
    kind: str
    template: str
    subject: str
    body: str
    facts: Mapping[str, Any]
    sha256: bytes
    created_at: datetime
    alert_id: UUID | None = None
    appeal_id: UUID | None = None
    analysis_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Message(NewMessage):
    """A stored message and its state of delivery."""

    read_at: datetime | None = None
    delivery: str = "none"
    tries: int = 0
    delivered_at: datetime | None = None
    last_error: str | None = None


COLUMNS = (
    "id, creator_id, kind, template, subject, body, facts, sha256, created_at, alert_id,"
    " appeal_id, analysis_id, read_at, delivery, tries, delivered_at, last_error"
)


# A verdict whose creator needs a notice: the newest of its work, and other than the last one that
# the creator was notified of. A re-check that comes to the same verdict changes no money. What
# costs nothing is told only where it ends what was told before.
VERDICT_KINDS = "('copy_found', 'own_copy', 'undecided', 'decided')"
_NEEDS_NOTICE = f"""
a.status = 'decided' and a.creator_id is not null and a.work_id is not null
and (a.verdict in ('derivative', 'self_duplicate') and a.matched_work_id is not null
    or a.verdict = 'undecided' and (a.reason = 'review_lapsed'
        or exists (select from reviews r where r.analysis_id = a.id and r.status = 'open'))
    or a.verdict in ('original', 'licensed') and a.again_of is not null)
and not exists (select 1 from creator_messages m where m.analysis_id = a.id
    and m.kind in {VERDICT_KINDS})
and not exists (select 1 from analyses n where n.work_id = a.work_id and n.status = 'decided'
    and n.decided_at > a.decided_at)
and coalesce((
    select (b.verdict, b.matched_work_id, b.redirect_bps, b.reason = 'review_lapsed')
        is distinct from
        (a.verdict, a.matched_work_id, a.redirect_bps, a.reason = 'review_lapsed')
        and (a.verdict not in ('original', 'licensed') or b.verdict = 'undecided')
    from analyses b
    join creator_messages m on m.analysis_id = b.id and m.kind in {VERDICT_KINDS}
    where b.work_id = a.work_id order by b.decided_at desc limit 1
), a.verdict not in ('original', 'licensed'))
"""


# Store a message; it waits for delivery if the creator has a webhook.
_INSERT = """
insert into creator_messages (id, creator_id, kind, template, subject, body, facts, sha256,
    created_at, alert_id, appeal_id, analysis_id, delivery)
values (%(id)s, %(creator_id)s, %(kind)s, %(template)s, %(subject)s, %(body)s, %(facts)s,
    %(sha256)s, %(created_at)s, %(alert_id)s, %(appeal_id)s, %(analysis_id)s,
    case when exists (select from creator_webhooks where creator_id = %(creator_id)s)
        then 'pending' else 'none' end)
"""


def add(conn: Connection, message: NewMessage) -> None:
    """Put a message into the creator's inbox, and queue it for webhook and e-mail, if any."""
    conn.execute(_INSERT, vars(message) | {"facts": json.dumps(dict(message.facts))})
    conn.execute(
        "insert into message_emails (message_id) select %s from creator_preferences where"
        " creator_id = %s and email_confirmed_at is not null",
        (message.id, message.creator_id),
    )


def get(conn: Connection, message_id: UUID) -> Message:
    """Return a message. Raises: NotFound."""
    messages = _select(conn, "id = %s", (message_id,))
    if not messages:
        raise NotFound(f"There is no message {message_id}.")
    return messages[0]


def page(
    conn: Connection,
    creator_id: int,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Message]:
    """Return a creator's messages, newest first, after a cursor.

    Args:
        before: (created_at, id) of the last message of the previous page.
    """
    where, params = "creator_id = %s", [creator_id]
    if before is not None:
        where += " and (created_at, id) < (%s, %s)"
        params += before  # type: ignore[arg-type]
    return _select(conn, where + " order by created_at desc, id desc limit %s", (*params, limit))


def of_alert(conn: Connection, alert_id: UUID) -> list[Message]:
    """Return all messages about an alert, oldest first."""
    return _select(conn, "alert_id = %s order by seq", (alert_id,))


def unnotified_verdicts(conn: Connection, now: datetime, limit: int = 200) -> list[UUID]:
    """Return the verdicts whose creators need a notice that is due, oldest first."""
    rows = conn.execute(
        f"select a.id from analyses a where {_NEEDS_NOTICE} and not exists (select 1 from"
        " blocked_notices b where b.analysis_id = a.id and b.next_try_at > %s) order by"
        " a.decided_at limit %s",
        (now, limit),
    ).fetchall()
    return [row[0] for row in rows]


def lock_unnotified_verdict(conn: Connection, analysis_id: UUID) -> bool:
    """Lock a verdict; return whether the creator of its work still needs a notice of it."""
    conn.execute("select 1 from analyses where id = %s for update", (analysis_id,))
    return (
        conn.execute(
            f"select 1 from analyses a where a.id = %s and {_NEEDS_NOTICE}", (analysis_id,)
        ).fetchone()
        is not None
    )


def told_sources(conn: Connection, work_id: UUID) -> set[int]:
    """Return the creators who were last told that this work is a copy of theirs."""
    rows = conn.execute(
        "select creator_id from (select distinct on (m.creator_id) m.creator_id, m.kind from"
        " creator_messages m join analyses a on a.id = m.analysis_id where a.work_id = %s and"
        " m.kind in ('was_copied', 'copy_ended') order by m.creator_id, m.seq desc) last"
        " where kind = 'was_copied'",
        (work_id,),
    ).fetchall()
    return {int(row[0]) for row in rows}


def block_verdict(conn: Connection, analysis_id: UUID, reason: str, now: datetime) -> None:
    """Record that the notice of a verdict could not be written.

    It is due again after an hour, then two, four and so on, a week at most.
    """
    conn.execute(
        "insert into blocked_notices (analysis_id, reason, next_try_at) values (%(id)s, %(why)s,"
        " %(now)s + interval '1h') on conflict (analysis_id) do update set reason ="
        " excluded.reason, tries = blocked_notices.tries + 1, next_try_at = %(now)s +"
        " least(interval '1h' * 2 ^ least(blocked_notices.tries, 10), interval '7 days')",
        {"id": analysis_id, "why": reason, "now": now},
    )


def mark_read(conn: Connection, message_id: UUID, now: datetime) -> None:
    """Record when a message was first read."""
    conn.execute(
        "update creator_messages set read_at = coalesce(read_at, %s) where id = %s",
        (now, message_id),
    )


def due(conn: Connection, creator_id: int, limit: int) -> list[Message]:
    """Return a creator's messages that are to be delivered now, oldest first."""
    return _select(
        conn,
        "creator_id = %s and delivery = 'pending' and next_try_at <= now() order by seq limit %s",
        (creator_id, limit),
    )


def delivered(conn: Connection, message_id: UUID, now: datetime) -> None:
    """Mark a message as accepted by the webhook."""
    conn.execute(
        "update creator_messages set delivery = 'delivered', delivered_at = %s, tries = tries + 1,"
        " last_error = null where id = %s",
        (now, message_id),
    )


def undelivered(conn: Connection, message_id: UUID, error: str, delay: timedelta | None) -> None:
    """Record why a delivery failed; retry it after the delay, or never without one."""
    conn.execute(
        "update creator_messages set delivery = case when %(delay)s::interval is null then"
        " 'failed' else 'pending' end, tries = tries + 1, next_try_at = now() +"
        " coalesce(%(delay)s, interval '0'), last_error = %(error)s where id = %(id)s",
        {"delay": delay, "error": error, "id": message_id},
    )


def give_up(conn: Connection, creator_id: int, before: datetime, error: str) -> int:
    """Give up a creator's messages that wait since before a moment. Returns: how many."""
    return conn.execute(
        "update creator_messages set delivery = 'failed', last_error = coalesce(last_error, %s)"
        " where creator_id = %s and delivery = 'pending' and created_at < %s",
        (error, creator_id, before),
    ).rowcount


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Message]:
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from creator_messages where {where}", params
        ).fetchall()
