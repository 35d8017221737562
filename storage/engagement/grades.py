"""Grades of posts with their facts, versions of the grading rules, and baselines of like posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.errors import NotFound

POLICIES_LOCK = 0x0_6AADE
_POLICY = (
    "version, effective_from, weights_bps, cutoffs_bps, prior_views, min_watch_ms,"
    " min_comment_chars, min_cohort, min_people, final_after_days, note, created_by, chain_version"
)


@dataclass(frozen=True, kw_only=True)
class StoredPolicy:
    """One version of the grading rules, for posts published from `effective_from` on.

    chain_version: version of the contract's policy whose cut-offs it took over; None where an
    operator made it.
    """

    version: int
    effective_from: datetime | None  # None: from the start
    weights_bps: Mapping[str, int]
    cutoffs_bps: Mapping[str, int]
    prior_views: int
    min_watch_ms: int
    min_comment_chars: int
    min_cohort: int
    final_after_days: int
    note: str
    created_by: str
    chain_version: int | None = None
    min_people: int = 50


@dataclass(frozen=True, kw_only=True)
class GradedPost:
    """The facts of a post that grading needs."""

    post_id: bytes
    media_type: str
    length_ms: int | None
    audience: int | None
    published_at: datetime
    status: str | None  # of its grade so far
    grade: str | None
    policy_version: int
    creator_id: int | None
    category: str | None
    is_fraud: bool  # a person confirmed that some of its events are


@dataclass(frozen=True, kw_only=True)
class StoredGrade:
    """The current grade of a post."""

    post_id: bytes
    status: str  # provisional or final
    grade: str
    score_bps: int
    final_at: datetime
    policy_version: int
    baseline_id: int
    facts: Mapping[str, Any]
    computed_at: datetime


@dataclass(frozen=True, kw_only=True)
class GradedCounts:
    """A graded post with the facts to grade it by other rules. base_minor: its pay, in cents."""

    post_id: bytes
    creator_id: int | None
    media_type: str
    category: str | None
    length_ms: int | None
    audience: int | None
    grade: str
    score_bps: int
    qualified: Mapping[str, int]
    verdict: str | None
    base_minor: int


def lock_policies(conn: Connection) -> None:
    """Lock out other transactions that add rules: versions are counted."""
    conn.execute("select pg_advisory_xact_lock(%s)", (POLICIES_LOCK,))


def get_policy(conn: Connection, version: int) -> StoredPolicy:
    """Return the rules of a version. Raises: NotFound."""
    for policy in list_policies(conn):
        if policy.version == version:
            return policy
    raise NotFound(f"There are no grading rules of version {version}.")


def list_policies(conn: Connection) -> list[StoredPolicy]:
    """Return all versions, the newest first."""
    columns = _POLICY.replace(
        "effective_from", "nullif(effective_from, '-infinity') as effective_from"
    )
    with conn.cursor(row_factory=class_row(StoredPolicy)) as cursor:
        return cursor.execute(
            f"select {columns} from grade_policies order by version desc"
        ).fetchall()


# Store a version of the grading rules.
_INSERT_POLICY = f"""
insert into grade_policies ({_POLICY})
values (%(version)s, %(effective_from)s, %(weights_bps)s, %(cutoffs_bps)s, %(prior_views)s,
    %(min_watch_ms)s, %(min_comment_chars)s, %(min_cohort)s, %(min_people)s, %(final_after_days)s,
    %(note)s, %(created_by)s, %(chain_version)s)
"""


def add_policy(conn: Connection, policy: StoredPolicy) -> None:
    """Store a new version.

    Its number follows the last, and it must not apply to posts that are published already.
    """
    weights, cutoffs = Jsonb(policy.weights_bps), Jsonb(policy.cutoffs_bps)
    conn.execute(_INSERT_POLICY, vars(policy) | {"weights_bps": weights, "cutoffs_bps": cutoffs})


# Posts with their rules: the newest version in force when each was published.
_LOAD_POSTS = """
select p.post_id, p.media_type, p.length_ms, p.audience, p.published_at, g.status, g.grade, (
    select version from grade_policies where effective_from <= p.published_at
    order by version desc limit 1
) as policy_version, p.creator_id, w.category, exists (
    select 1 from engagement_exclusions x
    where x.post_id = p.post_id and x.confirmed and x.lifted_at is null
) as is_fraud
from posts p left join grades g using (post_id) left join works w on w.id = p.work_id
where p.post_id = any(%s) order by 1
"""


def load_posts(conn: Connection, post_ids: Sequence[bytes]) -> list[GradedPost]:
    """Return posts with the rules that were in force when each was published."""
    with conn.cursor(row_factory=class_row(GradedPost)) as cursor:
        return cursor.execute(_LOAD_POSTS, (list(post_ids),)).fetchall()


def find_baseline(
    conn: Connection, policy_version: int, newer_than: datetime
) -> tuple[int, dict[str, Any]] | None:
    """Return (number, cohorts) of the newest baseline under some rules, None if too old."""
    row = conn.execute(
        "select id, cohorts from grade_baselines where policy_version = %s and computed_at > %s"
        " order by id desc limit 1",
        (policy_version, newer_than),
    ).fetchone()
    return (int(row[0]), row[1]) if row else None


def add_baseline(
    conn: Connection, policy_version: int, cohorts: Mapping[str, Any], now: datetime
) -> int:
    """Store a new baseline, and mark every post under its rules whose grade is provisional.

    Returns: its number.
    """
    row = conn.execute(
        "insert into grade_baselines (computed_at, policy_version, cohorts) values (%s, %s, %s)"
        " returning id",
        (now, policy_version, Jsonb(cohorts)),
    ).fetchone()
    assert row is not None
    conn.execute(
        "insert into engagement_changed (post_id) select post_id from grades"
        " where status = 'provisional' and policy_version = %s order by 1 on conflict do nothing",
        (policy_version,),
    )
    return int(row[0])


def counted_posts(
    conn: Connection, since: datetime
) -> list[tuple[str, int | None, int | None, str | None, int | None, Mapping[str, int]]]:
    """Return media type, length, audience, category, creator and qualified counts of posts since
    then, the newest first.
    """
    return conn.execute(
        "select p.media_type, p.length_ms, p.audience, w.category, p.creator_id, qualified from"
        " engagement_counts join posts p using (post_id) left join works w on w.id = p.work_id"
        " where p.published_at >= %s order by p.published_at desc, p.post_id",
        (since,),
    ).fetchall()


# Grades with a bonus, by what a post is.
_SHARES = """
select p.media_type, w.category, p.length_ms, p.audience, count(*),
    count(*) filter (where g.grade = 'A'), count(*) filter (where g.grade = 'B')
from grades g join posts p using (post_id) left join works w on w.id = p.work_id
where p.published_at >= %s
group by 1, 2, 3, 4
"""


def letters_since(
    conn: Connection, since: datetime
) -> list[tuple[str, str | None, int | None, int | None, int, int, int]]:
    """Return media type, category, length, audience, and how many posts of them are graded, are A
    and are B, of posts since then.
    """
    return conn.execute(_SHARES, (since,)).fetchall()


# Graded posts with qualified counts, verdict and the base pay announced for them.
_GRADED_SINCE = """
select g.post_id, p.creator_id, p.media_type, w.category, p.length_ms, p.audience, g.grade,
    g.score_bps,
    g.facts->'qualified' as qualified, t.verdict,
    (select coalesce(sum(base_minor), 0)::bigint from earnings e
        where e.post_id = g.post_id) as base_minor
from grades g join posts p using (post_id) left join post_terms t using (post_id)
    left join works w on w.id = p.work_id
where p.published_at >= %s order by 1
"""


def graded_since(conn: Connection, since: datetime) -> list[GradedCounts]:
    """Return the graded posts published since then, with the counts of their grades."""
    with conn.cursor(row_factory=class_row(GradedCounts)) as cursor:
        return cursor.execute(_GRADED_SINCE, (since,)).fetchall()


# A change of letter or status becomes a line of the post's history. Run before _UPSERT_GRADE.
_INSERT_CHANGE = """
insert into grade_changes (post_id, status, grade, score_bps, policy_version, reason, changed_at)
select v.post_id, v.status, v.grade, v.score_bps, v.policy_version, %(reason)s, %(computed_at)s
from (values (%(post_id)s::bytea, %(status)s::text, %(grade)s::text, %(score_bps)s::int,
    %(policy_version)s::int)) v (post_id, status, grade, score_bps, policy_version)
where not exists (
    select 1 from grades g
    where g.post_id = v.post_id and (g.status, g.grade) = (v.status, v.grade)
)
"""
# Once reopened, a grade stays marked: what was paid by it may need a correction.
_UPSERT_GRADE = """
insert into grades (post_id, status, grade, score_bps, final_at, policy_version, baseline_id,
    facts, reopened, computed_at)
values (%(post_id)s, %(status)s, %(grade)s, %(score_bps)s, %(final_at)s, %(policy_version)s,
    %(baseline_id)s, %(facts)s, %(reopened)s, %(computed_at)s)
on conflict (post_id) do update set
    status = excluded.status, grade = excluded.grade, score_bps = excluded.score_bps,
    final_at = excluded.final_at, policy_version = excluded.policy_version,
    baseline_id = excluded.baseline_id, facts = excluded.facts,
    reopened = grades.reopened or excluded.reopened, computed_at = excluded.computed_at
"""


def keep_grades(
    conn: Connection, grades: Sequence[StoredGrade], reason: str, *, reopened: bool = False
) -> None:
    """Store grades, and each change of letter or status in the post's history with its reason.

    Args:
        reopened: they were final before, so payments by them may need a correction.
    """
    rows = [
        vars(g) | {"facts": Jsonb(g.facts), "reason": reason, "reopened": reopened} for g in grades
    ]
    with conn.cursor() as cursor:
        cursor.executemany(_INSERT_CHANGE, rows)
        cursor.executemany(_UPSERT_GRADE, rows)
        if reopened:
            cursor.executemany(
                "update earnings set changed = true where post_id = %(post_id)s"
                " and transaction_id is not null",
                rows,
            )


def find_grade(conn: Connection, post_id: bytes) -> StoredGrade | None:
    """Return the grade of a post, None before it was first graded."""
    with conn.cursor(row_factory=class_row(StoredGrade)) as cursor:
        return cursor.execute(
            "select post_id, status, grade, score_bps, final_at, policy_version, baseline_id,"
            " facts, computed_at from grades where post_id = %s",
            (post_id,),
        ).fetchone()


def grade_history(conn: Connection, post_id: bytes) -> list[tuple[datetime, str, str, int, str]]:
    """Return a post's changes (time, grade, status, score, reason), the newest first."""
    return conn.execute(
        "select changed_at, grade, status, score_bps, reason from grade_changes where post_id = %s"
        " order by id desc",
        (post_id,),
    ).fetchall()


def final_at(published_at: datetime, policy: StoredPolicy) -> datetime:
    """Return when the grade of a post becomes final."""
    return published_at + timedelta(days=policy.final_after_days)
