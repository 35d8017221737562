"""Grades of posts with everything they were made of, the rules by version, and what is usual
among like posts.
"""

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
    " min_comment_chars, min_cohort, final_after_days, note, created_by, chain_version"
)


@dataclass(frozen=True)
class StoredPolicy:
    """One version of the grading rules; it applies to posts published from `effective_from` on.

    chain_version: the version of the contract's policy whose cut-offs it took over; None where
        people made it.
    """

    version: int
    effective_from: datetime | None  # None: since ever
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


@dataclass(frozen=True)
class GradedPost:
    """What grading needs to know of a post."""

    post_id: bytes
    media_type: str
    length_ms: int | None
    audience: int | None
    published_at: datetime
    status: str | None  # of its grade so far
    policy_version: int


@dataclass(frozen=True)
class StoredGrade:
    """The grade of a post as it stands."""

    post_id: bytes
    status: str  # provisional or final
    grade: str
    score_bps: int
    final_at: datetime
    policy_version: int
    baseline_id: int
    facts: Mapping[str, Any]
    computed_at: datetime


@dataclass(frozen=True)
class GradedCounts:
    """A graded post with what it takes to grade it by other rules; `base_minor` is the pay
    announced for it.
    """

    post_id: bytes
    media_type: str
    length_ms: int | None
    audience: int | None
    grade: str
    score_bps: int
    qualified: Mapping[str, int]
    verdict: str | None
    base_minor: int


def lock_policies(conn: Connection) -> None:
    """Take turns with everybody who adds rules, until the transaction ends: versions are
    counted.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (POLICIES_LOCK,))


def get_policy(conn: Connection, version: int) -> StoredPolicy:
    """Raises: NotFound."""
    found = [policy for policy in list_policies(conn) if policy.version == version]
    if not found:
        raise NotFound(f"There are no grading rules of version {version}.")
    return found[0]


def list_policies(conn: Connection) -> list[StoredPolicy]:
    """All versions, the newest first."""
    columns = _POLICY.replace(
        "effective_from", "nullif(effective_from, '-infinity') as effective_from"
    )
    with conn.cursor(row_factory=class_row(StoredPolicy)) as cursor:
        return cursor.execute(
            f"select {columns} from grade_policies order by version desc"
        ).fetchall()


def add_policy(conn: Connection, policy: StoredPolicy) -> None:
    """Store a new version; it must not apply to what is published already, and its number
    follows the last.
    """
    conn.execute(
        f"insert into grade_policies ({_POLICY}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
        " %s, %s)",
        (
            policy.version,
            policy.effective_from,
            Jsonb(policy.weights_bps),
            Jsonb(policy.cutoffs_bps),
            policy.prior_views,
            policy.min_watch_ms,
            policy.min_comment_chars,
            policy.min_cohort,
            policy.final_after_days,
            policy.note,
            policy.created_by,
            policy.chain_version,
        ),
    )


def load_posts(conn: Connection, post_ids: Sequence[bytes]) -> list[GradedPost]:
    """The posts of those ids, with the rules that were in force when each was published."""
    rows = conn.execute(
        "select p.post_id, media_type, p.length_ms, audience, published_at, g.status, (select"
        " version from grade_policies where effective_from <= p.published_at order by version desc"
        " limit 1) from posts p left join grades g using (post_id) where p.post_id = any(%s) order"
        " by 1",
        (list(post_ids),),
    ).fetchall()
    return [GradedPost(bytes(row[0]), *row[1:]) for row in rows]


def find_baseline(
    conn: Connection, policy_version: int, newer_than: datetime
) -> tuple[int, dict[str, Any]] | None:
    """Number and cohorts of the newest baseline under those rules, None if it is too old or
    there is none.
    """
    row = conn.execute(
        "select id, cohorts from grade_baselines where policy_version = %s and computed_at > %s"
        " order by id desc limit 1",
        (policy_version, newer_than),
    ).fetchone()
    return (int(row[0]), row[1]) if row else None


def add_baseline(
    conn: Connection, policy_version: int, cohorts: Mapping[str, Any], now: datetime
) -> int:
    """Keep a new baseline, and mark every post under its rules whose grade is provisional.

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
) -> list[tuple[str, int | None, int | None, Mapping[str, int], Mapping[str, int]]]:
    """Media type, length, audience, raw and qualified counts of posts published since then."""
    return conn.execute(
        "select media_type, length_ms, audience, raw, qualified from engagement_counts join posts"
        " using (post_id) where published_at >= %s",
        (since,),
    ).fetchall()


def graded_since(conn: Connection, since: datetime) -> list[GradedCounts]:
    """Posts published since then that have a grade, with the counts it was made of."""
    with conn.cursor(row_factory=class_row(GradedCounts)) as cursor:
        return cursor.execute(
            "select g.post_id, p.media_type, p.length_ms, p.audience, g.grade, g.score_bps,"
            " g.facts->'qualified' as qualified, t.verdict, (select coalesce(sum(base_minor),"
            " 0)::bigint from earnings e where e.post_id = g.post_id) as base_minor from grades g"
            " join posts p using (post_id) left join post_terms t using (post_id) where"
            " p.published_at >= %s order by 1",
            (since,),
        ).fetchall()


def keep_grades(
    conn: Connection, grades: Sequence[StoredGrade], reason: str, *, reopened: bool = False
) -> None:
    """Store grades; a change of letter or status is a line of the post's history, with its reason.

    Args:
        reopened: They were final before: what was paid by them may need a correction.
    """
    values = [
        (
            g.post_id,
            g.status,
            g.grade,
            g.score_bps,
            g.final_at,
            g.policy_version,
            g.baseline_id,
            Jsonb(g.facts),
            reopened,
            g.computed_at,
        )
        for g in grades
    ]
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into grade_changes (post_id, status, grade, score_bps, policy_version, reason,"
            " changed_at) select v.post_id, v.status, v.grade, v.score_bps, v.policy_version, %s,"
            " %s from (values (%s::bytea, %s::text, %s::text, %s::int, %s::int)) v (post_id,"
            " status, grade, score_bps, policy_version) where not exists (select 1 from grades g"
            " where g.post_id = v.post_id and (g.status, g.grade) = (v.status, v.grade))",
            [
                (reason, g.computed_at, g.post_id, g.status, g.grade, g.score_bps, g.policy_version)
                for g in grades
            ],
        )
        cursor.executemany(
            "insert into grades (post_id, status, grade, score_bps, final_at, policy_version,"
            " baseline_id, facts, reopened, computed_at) values (%s, %s, %s, %s, %s, %s, %s, %s,"
            " %s, %s) on conflict (post_id) do update set status = excluded.status, grade ="
            " excluded.grade, score_bps = excluded.score_bps, final_at = excluded.final_at,"
            " policy_version = excluded.policy_version, baseline_id = excluded.baseline_id, facts"
            " = excluded.facts, reopened = grades.reopened or excluded.reopened, computed_at ="
            " excluded.computed_at",
            values,
        )


def find_grade(conn: Connection, post_id: bytes) -> StoredGrade | None:
    """The grade of a post, None before it was first graded."""
    with conn.cursor(row_factory=class_row(StoredGrade)) as cursor:
        return cursor.execute(
            "select post_id, status, grade, score_bps, final_at, policy_version, baseline_id,"
            " facts, computed_at from grades where post_id = %s",
            (post_id,),
        ).fetchone()


def grade_history(conn: Connection, post_id: bytes) -> list[tuple[datetime, str, str, int, str]]:
    """When a post's letter or status changed, the newest first: time, grade, status, score,
    reason.
    """
    return conn.execute(
        "select changed_at, grade, status, score_bps, reason from grade_changes where post_id = %s"
        " order by id desc",
        (post_id,),
    ).fetchall()


def final_at(published_at: datetime, policy: StoredPolicy) -> datetime:
    """When the grade of a post becomes final."""
    return published_at + timedelta(days=policy.final_after_days)
