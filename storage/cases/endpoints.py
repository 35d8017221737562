"""Webhooks of platforms: where their events go, which are due, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where events go.

    Attributes:
        owner: As works have it in `posted_by`; None: the operator's, who hears of everybody's.
        old_secret: Signs too, until `old_secret_until`.
        failures: Deliveries that failed since the last that arrived; the first of them at
            `failing_since`.
    """

    id: UUID
    owner: str | None
    url: str
    events: Sequence[str]
    secret: str
    old_secret: str | None
    old_secret_until: datetime | None
    created_at: datetime
    failures: int
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint; `id` is the event's, also when it is sent again."""

    id: UUID
    endpoint_id: UUID
    event: str
    data: Mapping[str, Any]
    created_at: datetime
    status: str
    tries: int
    delivered_at: datetime | None
    last_error: str | None


_ENDPOINT = ", ".join(Endpoint.__dataclass_fields__)
_DELIVERY = ", ".join(Delivery.__dataclass_fields__)
# Those that failed last time wait until all others had their turn.
_CLAIM = f"""
with due as (
    select id from webhook_endpoints e
    where disabled_at is null and sending_until <= now() and retry_at <= now()
        and exists (select from webhook_deliveries d where d.endpoint_id = e.id
            and d.status = 'pending' and d.next_try_at <= now())
        and (select count(*) from webhook_endpoints s where s.host = e.host
            and s.sending_until > now()) < %(of_host)s
    order by failures > 0, retry_at limit %(limit)s for update skip locked
)
update webhook_endpoints e set sending_until = now() + %(lease)s from due where e.id = due.id
returning {", ".join(f"e.{name}" for name in Endpoint.__dataclass_fields__)}
"""


def add(
    conn: Connection,
    number: UUID,
    *,
    owner: str | None,
    url: str,
    host: str,
    events: Sequence[str],
    secret: str,
) -> Endpoint:
    """Store an endpoint."""
    conn.execute(
        "insert into webhook_endpoints (id, owner, url, host, events, secret) values (%s, %s, %s,"
        " %s, %s, %s)",
        (number, owner, url, host, list(events), secret),
    )
    return get(conn, number, owner)


def get(conn: Connection, number: UUID, owner: str | None) -> Endpoint:
    """Return an endpoint of an owner. Raises: NotFound."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        endpoint = cursor.execute(
            f"select {_ENDPOINT} from webhook_endpoints where id = %s and owner is not distinct"
            " from %s",
            (number, owner),
        ).fetchone()
    if endpoint is None:
        raise NotFound(f"There is no webhook {number}.")
    return endpoint


def list_of(conn: Connection, owner: str | None) -> list[Endpoint]:
    """Return the endpoints of an owner, the oldest first."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        return cursor.execute(
            f"select {_ENDPOINT} from webhook_endpoints where owner is not distinct from %s order"
            " by created_at, id",
            (owner,),
        ).fetchall()


def remove(conn: Connection, number: UUID) -> None:
    """Remove an endpoint and its log."""
    conn.execute("delete from webhook_endpoints where id = %s", (number,))


def rotate(conn: Connection, number: UUID, secret: str, old_until: datetime) -> None:
    """Sign with another secret; the one of before signs too for a while."""
    conn.execute(
        "update webhook_endpoints set old_secret = secret, old_secret_until = %s, secret = %s"
        " where id = %s",
        (old_until, secret, number),
    )


def enable(conn: Connection, number: UUID) -> None:
    """Let events go to an endpoint again, from now on."""
    conn.execute(
        "update webhook_endpoints set disabled_at = null, disabled_because = null, failures = 0,"
        " failing_since = null, retry_at = default where id = %s",
        (number,),
    )


def queue(conn: Connection, number: UUID, event: str, data: Mapping[str, Any]) -> UUID:
    """Queue one event for one endpoint. Returns: its id."""
    row = conn.execute(
        "insert into webhook_deliveries (endpoint_id, event, data) values (%s, %s, %s)"
        " returning id",
        (number, event, Jsonb(dict(data))),
    ).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found


def page(
    conn: Connection,
    number: UUID,
    *,
    status: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Delivery]:
    """Return the deliveries to an endpoint, the newest first, from before a cursor."""
    at, last = before or (None, None)
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            f"select {_DELIVERY} from webhook_deliveries where endpoint_id = %(endpoint)s and"
            " (%(status)s::text is null or status = %(status)s) and (%(at)s::timestamptz is null or"
            " (created_at, id) < (%(at)s, %(id)s)) order by created_at desc, id desc limit"
            " %(limit)s",
            {"endpoint": number, "status": status, "at": at, "id": last, "limit": limit},
        ).fetchall()


def replay(conn: Connection, number: UUID, delivery_id: UUID) -> None:
    """Send an event again, under the id that it had. Raises: NotFound."""
    done = conn.execute(
        "update webhook_deliveries set status = 'pending', tries = 0, next_try_at = now() where id"
        " = %s and endpoint_id = %s",
        (delivery_id, number),
    )
    if done.rowcount == 0:
        raise NotFound(f"There is no delivery {delivery_id} to this webhook.")


def claim(conn: Connection, limit: int, of_host: int, lease: timedelta) -> list[Endpoint]:
    """Claim the endpoints to serve now; after the lease any sender may serve them again."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        return cursor.execute(
            _CLAIM, {"limit": limit, "of_host": of_host, "lease": lease}
        ).fetchall()


def due(conn: Connection, number: UUID, limit: int) -> list[Delivery]:
    """Return what is to be sent to an endpoint now, the oldest first."""
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            f"select {_DELIVERY} from webhook_deliveries where endpoint_id = %s and status ="
            " 'pending' and next_try_at <= now() order by seq limit %s",
            (number, limit),
        ).fetchall()


def note(conn: Connection, delivery_id: UUID, error: str | None, retry: timedelta | None) -> None:
    """Note what became of a delivery.

    Args:
        error: why it did not arrive; None: it did.
        retry: after how long it is tried again; None: not any more.
    """
    conn.execute(
        "update webhook_deliveries set tries = tries + 1, last_error = %(error)s, status = case"
        " when %(error)s::text is null then 'delivered' when %(retry)s::interval is null then"
        " 'failed' else 'pending' end, delivered_at = case when %(error)s::text is null then now()"
        " end, next_try_at = now() + coalesce(%(retry)s, interval '0') where id = %(id)s",
        {"error": error, "retry": retry, "id": delivery_id},
    )


def release(conn: Connection, number: UUID, retry_after: timedelta | None) -> None:
    """End a claim. Args: retry_after: None where all arrived, else how long it rests."""
    conn.execute(
        "update webhook_endpoints set sending_until = default, failures = case when"
        " %(retry)s::interval is null then 0 else failures + 1 end, failing_since = case when"
        " %(retry)s::interval is null then null else coalesce(failing_since, now()) end, retry_at ="
        " now() + coalesce(%(retry)s, interval '0') where id = %(id)s",
        {"retry": retry_after, "id": number},
    )


def disable(conn: Connection, number: UUID, because: str) -> None:
    """Send an endpoint nothing any more; what waits for it has failed."""
    conn.execute(
        "update webhook_endpoints set disabled_at = now(), disabled_because = %s where id = %s and"
        " disabled_at is null",
        (because, number),
    )
    conn.execute(
        "update webhook_deliveries set status = 'failed', last_error = %s where endpoint_id = %s"
        " and status = 'pending'",
        (because, number),
    )
