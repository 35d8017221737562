"""Reviews: what could not be decided, until a person or the rule at the deadline ends it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A review as it is opened. `held_bps`: the share of the post's pay that waits meanwhile."""

    id: UUID
    analysis_id: UUID
    work_id: UUID
    post_id: bytes
    creator_id: int | None
    reason: str
    held_bps: int
    opened_at: datetime
    decide_by: datetime


@dataclass(frozen=True, kw_only=True)
class Review(NewReview):
    """A stored review, with its post's media type and creator and what came nearest."""

    media_type: str
    creator: str | None
    nearest_work_id: UUID | None
    nearest_creator_id: int | None
    nearest_creator: str | None
    similarity_bps: int
    statement: str | None
    status: str
    outcome: str | None
    decided_by: str | None
    because: str | None
    decided_at: datetime | None
    ended_by: UUID | None


_SELECT = """
select r.id, r.analysis_id, r.work_id, r.post_id, r.creator_id, r.reason, r.held_bps, r.opened_at,
    r.decide_by, a.media_type, c.handle as creator, a.matched_work_id as nearest_work_id,
    n.creator_id as nearest_creator_id, nc.handle as nearest_creator,
    coalesce(a.similarity_bps, 0) as similarity_bps, r.statement, r.status, r.outcome, r.decided_by,
    r.because, r.decided_at, r.ended_by
from reviews r join analyses a on a.id = r.analysis_id
left join creators c on c.id = r.creator_id
left join works n on n.id = a.matched_work_id left join creators nc on nc.id = n.creator_id
where
"""


def add(conn: Connection, review: NewReview) -> None:
    """Open a review of a work, or go on with its open one over the newer analysis.

    The deadline stays: asking again must not keep money waiting.
    """
    conn.execute(
        "insert into reviews (id, analysis_id, work_id, post_id, creator_id, reason, held_bps,"
        " opened_at, decide_by) values (%(id)s, %(analysis_id)s, %(work_id)s, %(post_id)s,"
        " %(creator_id)s, %(reason)s, %(held_bps)s, %(opened_at)s, %(decide_by)s) on conflict"
        " (work_id) where status = 'open' do update set analysis_id = excluded.analysis_id,"
        " reason = excluded.reason, held_bps = excluded.held_bps",
        vars(review),
    )


def get(conn: Connection, review_id: UUID, *, lock: bool = False) -> Review:
    """Return a review; with `lock`, lock it until the transaction ends. Raises: NotFound."""
    found = _select(conn, "r.id = %s" + (" for update of r" if lock else ""), (review_id,))
    if not found:
        raise NotFound(f"There is no review {review_id}.")
    return found[0]


def find_open(conn: Connection, work_id: UUID) -> Review | None:
    """Return the open review of a work, locked until the transaction ends; None without one."""
    where = "r.work_id = %s and r.status = 'open' for update of r"
    return next(iter(_select(conn, where, (work_id,))), None)


def find_of_analysis(conn: Connection, analysis_id: UUID) -> Review | None:
    """Return the review that an analysis opened, or that it ended; None without one."""
    return next(
        iter(_select(conn, "%s in (r.analysis_id, r.ended_by) limit 1", (analysis_id,))), None
    )


def list_open(
    conn: Connection, limit: int, *, after: tuple[datetime, UUID] | None = None
) -> list[Review]:
    """Return the open reviews, nearest deadline first.

    Args:
        after: (decide_by, id) of the last one of the previous page.
    """
    where, params = "r.status = 'open'", list[object]()
    if after is not None:
        where += " and (r.decide_by, r.id) > (%s, %s)"
        params += after
    return _select(conn, where + " order by r.decide_by, r.id limit %s", (*params, limit))


def overdue(conn: Connection, now: datetime, limit: int = 200) -> list[UUID]:
    """Return the open reviews whose deadline has passed."""
    rows = conn.execute(
        "select id from reviews where status = 'open' and decide_by <= %s order by decide_by limit"
        " %s",
        (now, limit),
    ).fetchall()
    return [row[0] for row in rows]


def add_statement(conn: Connection, review_id: UUID, statement: str) -> bool:
    """Store what the creator says; the last word counts. Returns: False where it is closed."""
    done = conn.execute(
        "update reviews set statement = %s where id = %s and status = 'open'",
        (statement, review_id),
    )
    return done.rowcount == 1


def close(
    conn: Connection,
    review_id: UUID,
    *,
    status: str,
    outcome: str,
    decided_by: str,
    because: str,
    ended_by: UUID,
    now: datetime,
) -> bool:
    """End a review, once: decided, or superseded. Returns: False where it was ended before."""
    done = conn.execute(
        "update reviews set status = %s, outcome = %s, decided_by = %s, because = %s, ended_by ="
        " %s, decided_at = %s where id = %s and status = 'open'",
        (status, outcome, decided_by, because, ended_by, now, review_id),
    )
    return done.rowcount == 1


# What people are to decide of a post that the contract takes for decided, and about which nothing
# is asked there.
_UNHELD = """
select r.id from reviews r where r.status = 'open' and exists (
    select from outbox o join analyses a on a.id = o.analysis_id
    where a.post_id = r.post_id and o.status <> 'refused' and a.verdict <> 'undecided'
) and not exists (
    select from rulings q where q.post_id = r.post_id and q.status in ('open', 'decided')
) and exists (
    select from analyses a where a.id = r.analysis_id and a.matched_work_id is not null
) order by r.decide_by, r.id limit %s
"""


def unheld(conn: Connection, limit: int = 50) -> list[UUID]:
    """Return the open reviews of posts whose share the contract would pay out meanwhile."""
    return [row[0] for row in conn.execute(_UNHELD, (limit,)).fetchall()]


def reopen(conn: Connection, ended_by: UUID, decide_by: datetime) -> UUID | None:
    """Open a review again that an analysis had ended. Returns: it, None where there is none or
    another one is open by now.
    """
    row = conn.execute(
        "update reviews r set status = 'open', outcome = null, decided_by = null, because = null,"
        " ended_by = null, decided_at = null, decide_by = %s where ended_by = %s and not exists"
        " (select from reviews o where o.work_id = r.work_id and o.status = 'open') returning id",
        (decide_by, ended_by),
    ).fetchone()
    return row[0] if row else None


def is_decided(conn: Connection, work_id: UUID) -> bool:
    """Return whether some analysis of a work came to a verdict, also by a review."""
    row = conn.execute(
        "select exists (select from analyses where work_id = %s and status = 'decided' and verdict"
        " <> 'undecided')",
        (work_id,),
    ).fetchone()
    return bool(row and row[0])


def has_lapsed(conn: Connection, work_id: UUID) -> bool:
    """Return whether the time to decide about a work is over, and it stayed undecided."""
    row = conn.execute(
        "select exists (select from reviews where work_id = %s and outcome = 'undecided')",
        (work_id,),
    ).fetchone()
    return bool(row and row[0])


def unreported(conn: Connection, now: datetime, limit: int = 50) -> list[UUID]:
    """Return the reviews that a re-analysis ended, and the contract was not told of yet."""
    rows = conn.execute(
        "select id from reviews where status = 'superseded' and not reported and report_from <= %s"
        " order by id limit %s",
        (now, limit),
    ).fetchall()
    return [row[0] for row in rows]


def report_later(conn: Connection, *, review_id: UUID, until: datetime) -> None:
    """Tell the contract later how a review ended."""
    conn.execute("update reviews set report_from = %s where id = %s", (until, review_id))


def mark_reported(conn: Connection, review_id: UUID) -> bool:
    """Note that the contract is told. Returns: False where it was noted before."""
    done = conn.execute(
        "update reviews set reported = true where id = %s and not reported", (review_id,)
    )
    return done.rowcount == 1


@dataclass(frozen=True)
class Rate:
    """Verdicts of works of one media type, and those of them that could not be decided.

    `reason` is None for all of a media type.
    """

    media_type: str
    reason: str | None
    decided: int
    undecided: int


def rates(conn: Connection, since: datetime) -> list[Rate]:
    """Return how many first verdicts were undecided since then, by media type and reason."""
    rows = conn.execute(
        "with firsts as (select distinct on (work_id) media_type, verdict, reason, decided_at from"
        " analyses where status = 'decided' and work_id is not null order by work_id, decided_at)"
        " select media_type, case when grouping(reason) = 0 then reason end, count(*), count(*)"
        " filter (where verdict = 'undecided') from firsts where decided_at >= %s group by"
        " grouping sets ((media_type), (media_type, reason)) order by 1, grouping(reason) desc, 2",
        (since,),
    ).fetchall()
    totals = {row[0]: int(row[2]) for row in rows if row[1] is None}
    return [
        Rate(row[0], row[1], totals[row[0]], int(row[3]))
        for row in rows
        if row[1] is None or row[3]
    ]


def count_open(conn: Connection, now: datetime) -> tuple[int, timedelta | None]:
    """Return how many reviews are open, and how long the one that ends first has left."""
    row = conn.execute(
        "select count(*), min(decide_by) from reviews where status = 'open'"
    ).fetchone()
    assert row is not None
    return int(row[0]), row[1] - now if row[1] else None


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Review]:
    with conn.cursor(row_factory=class_row(Review)) as cursor:
        return cursor.execute(_SELECT + where, params).fetchall()
