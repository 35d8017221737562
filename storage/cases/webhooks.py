"""Receivers of messages: where a creator's go, which are due, and how each of them behaves."""

from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class Receiver:
    """A creator's own server, and the secret that messages to it are signed with.

    Attributes: failures: deliveries that failed since the last one that arrived.
    """

    creator_id: int
    url: str
    secret: str
    failures: int


@dataclass(frozen=True)
class Shares:
    """How many receivers may be served at once: those of one host, and those that failed before."""

    of_host: int
    failing: int


def set_webhook(conn: Connection, creator_id: int, url: str, host: str, secret: str) -> None:
    """Set where a creator's messages are delivered, and the secret they are signed with.

    It is tried at once, but what failed before is forgotten only when something arrives: who hangs
    would otherwise be taken for new as often as it is set.
    """
    conn.execute(
        "insert into creator_webhooks (creator_id, url, host, secret) values (%s, %s, %s, %s) on"
        " conflict (creator_id) do update set url = excluded.url, host = excluded.host, secret ="
        " excluded.secret, retry_at = default, created_at = now()",
        (creator_id, url, host, secret),
    )


# Receivers that answered last time come first, then those that wait longest: what fails takes its
# own share and no other's time.
_DUE = """
with due as (
    select w.creator_id, w.host, w.failures > 0 as failing, min(m.next_try_at) as since
    from creator_webhooks w join creator_messages m using (creator_id)
    where m.delivery = 'pending' and m.next_try_at <= now()
        and w.sending_until <= now() and w.retry_at <= now()
    group by w.creator_id
), ranked as (
    select creator_id, failing, since,
        row_number() over (partition by host order by failing, since) + (select count(*)
            from creator_webhooks s where s.host = due.host and s.sending_until > now())
            as of_host,
        row_number() over (partition by failing order by since) + (select count(*)
            from creator_webhooks s where s.failures > 0 and s.sending_until > now()) as of_failing
    from due
)
select creator_id from ranked where of_host <= %(of_host)s
    and (not failing or of_failing <= %(failing)s)
order by failing, since limit %(limit)s
"""
_CLAIM = """
with mine as (
    select creator_id from creator_webhooks where creator_id = any(%s) and sending_until <= now()
    order by creator_id for update skip locked
)
update creator_webhooks w set sending_until = now() + %s from mine
where w.creator_id = mine.creator_id returning w.creator_id, w.url, w.secret, w.failures
"""


def claim(conn: Connection, limit: int, shares: Shares, lease: timedelta) -> list[Receiver]:
    """Claim the receivers to serve now; after the lease any sender may serve them again."""
    wanted = conn.execute(_DUE, vars(shares) | {"limit": limit}).fetchall()
    if not wanted:
        return []
    rows = conn.execute(_CLAIM, ([row[0] for row in wanted], lease)).fetchall()
    return [Receiver(*row) for row in rows]


def release(
    conn: Connection, receiver: Receiver, failures: int, retry_after: timedelta | None
) -> None:
    """End a claim.

    Args:
        failures: deliveries that failed since the last one that arrived.
        retry_after: how long none is tried, None where none failed now.
    """
    conn.execute(
        "update creator_webhooks set sending_until = default, failures = %(failures)s, retry_at ="
        " now() + coalesce(%(retry)s, interval '0') where creator_id = %(id)s",
        {"failures": failures, "retry": retry_after, "id": receiver.creator_id},
    )


@dataclass(frozen=True)
class Backlog:
    """What receivers have not been given yet.

    Attributes: oldest_s: the age of the oldest message that waits; None where none does.
    """

    waiting: int
    oldest_s: float | None
    failing: int


def backlog(conn: Connection) -> Backlog:
    """Count the messages that wait, and the receivers that failed last time."""
    with conn.cursor(row_factory=class_row(Backlog)) as cursor:
        found = cursor.execute(
            "select count(*) as waiting, (extract(epoch from clock_timestamp() - min(created_at)))"
            "::float as oldest_s, (select count(*) from creator_webhooks where failures > 0) as"
            " failing from creator_messages where delivery = 'pending'"
        ).fetchone()
    assert found is not None
    return found
