"""The operator's figures: what waits and for how long, as the database has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class Backlog:
    """How many of a kind wait, and the oldest of them in seconds; None where none waits."""

    name: str
    count: int
    oldest_s: float | None


@dataclass(frozen=True)
class VerdictTimes:
    """Seconds from acceptance to verdict of the last day's uploads; None without any."""

    count: int
    median_s: float | None
    p99_s: float | None


@dataclass(frozen=True)
class IndexState:
    """How many works can be found, and since when the newest can."""

    works: int
    newest_at: datetime | None


@dataclass(frozen=True)
class Deliveries:
    """What goes to webhooks: waiting, given up in the last week, failing receivers, and those that
    were disabled in the last week for not answering.
    """

    pending: int
    given_up: int
    failing: int
    disabled: int = 0


def analyses_waiting(conn: Connection) -> Sequence[Backlog]:
    """Analyses that are not decided yet, by media type."""
    return _backlogs(
        conn,
        "select media_type as name, count(*) as count, extract(epoch from now()"
        " - min(created_at))::float8 as oldest_s from analyses where status in ('queued',"
        " 'running') group by 1 order by 1",
    )


def calls_waiting(conn: Connection) -> Sequence[Backlog]:
    """Calls that are on their way to the contracts, and those they refused, by status."""
    return _backlogs(
        conn,
        "select status as name, count(*) as count, extract(epoch from now()"
        " - min(created_at))::float8 as oldest_s from chain_calls where status in ('wanted',"
        " 'sent', 'included', 'reverted') group by 1 order by 1",
    )


def verdict_times(conn: Connection) -> VerdictTimes:
    """How long the verdicts on the last day's uploads took."""
    row = conn.execute(
        "select count(*), percentile_cont(0.5) within group (order by s), percentile_cont(0.99)"
        " within group (order by s) from (select extract(epoch from decided_at -"
        " created_at)::float8 as s from analyses where source = 'upload' and status = 'decided' and"
        " decided_at >= now() - interval '1 day') took"
    ).fetchone()
    assert row is not None
    return VerdictTimes(int(row[0]), row[1], row[2])


def index_state(conn: Connection) -> IndexState:
    """What searches can find."""
    row = conn.execute(
        "select count(*), max(visible_at) from works where visible_at is not null and erased_at is"
        " null"
    ).fetchone()
    assert row is not None
    return IndexState(int(row[0]), row[1])


def deliveries(conn: Connection) -> Deliveries:
    """How notices get to creators' own servers."""
    row = conn.execute(
        "select (select count(*) from creator_messages where delivery = 'pending'), (select"
        " count(*) from creator_messages where delivery = 'failed' and created_at >= now() -"
        " interval '7 days'), (select count(*) from creator_webhooks where failures > 0)"
    ).fetchone()
    assert row is not None
    return Deliveries(*(int(number) for number in row))


def platform_deliveries(conn: Connection) -> Deliveries:
    """How events get to platforms' receivers."""
    row = conn.execute(
        "select (select count(*) from webhook_deliveries where status = 'pending'), (select"
        " count(*) from webhook_deliveries where status = 'failed' and created_at >= now() -"
        " interval '7 days'), (select count(*) from webhook_endpoints where failures > 0 and"
        " disabled_at is null), (select count(*) from webhook_endpoints where disabled_at >= now()"
        " - interval '7 days' and failures > 0)"
    ).fetchone()
    assert row is not None
    return Deliveries(*(int(number) for number in row))


def _backlogs(conn: Connection, query: str) -> Sequence[Backlog]:
    with conn.cursor(row_factory=class_row(Backlog)) as cursor:
        return cursor.execute(query).fetchall()
