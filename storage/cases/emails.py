"""Notices on their way to creators' e-mail addresses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

# Those that are due, with the lease of whoever sends them.
_CLAIM = """
with mine as (
    update message_emails set next_try_at = now() + %(lease)s, tries = tries + 1
    where message_id in (select message_id from message_emails where next_try_at <= now()
        order by next_try_at limit %(limit)s for update skip locked)
    returning message_id, tries
)
select m.id, m.subject, m.body, m.created_at,
    case when p.email_confirmed_at is not null then p.email end as email, p.language, mine.tries
from mine join creator_messages m on m.id = mine.message_id
left join creator_preferences p on p.creator_id = m.creator_id order by m.seq
"""


@dataclass(frozen=True, kw_only=True)
class Email:
    """A notice and where it goes; `email` is None where the creator took the address away, or has
    another that is not confirmed.
    """

    id: UUID
    subject: str
    body: str
    created_at: datetime
    email: str | None
    language: str | None
    tries: int


def claim(conn: Connection, limit: int, lease: timedelta) -> list[Email]:
    """Take notices that are due; one that is not settled within the lease is due again."""
    with conn.cursor(row_factory=class_row(Email)) as cursor:
        return cursor.execute(_CLAIM, {"limit": limit, "lease": lease}).fetchall()


def sent(conn: Connection, message_id: UUID, now: datetime) -> None:
    """Note that the server took a notice."""
    conn.execute(
        "update message_emails set next_try_at = null, sent_at = %s, last_error = null"
        " where message_id = %s",
        (now, message_id),
    )


def failed(conn: Connection, message_id: UUID, error: str, delay: timedelta | None) -> None:
    """Note why a notice was not taken; it is tried again after the delay, or never without one."""
    conn.execute(
        "update message_emails set next_try_at = now() + %s::interval, last_error = %s"
        " where message_id = %s",
        (delay, error, message_id),
    )
