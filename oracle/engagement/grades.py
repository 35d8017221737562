"""Grading: count what changed, compare it with like posts, store the grade with all its facts."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog

from oracle.engagement import grading
from oracle.engagement.grading import Baseline, Counts, GradePolicy, Score, SignalBaseline
from storage.database import Connection, Database
from storage.engagement import counts as engagement_counts
from storage.engagement import grades as engagement_grades
from storage.engagement.counts import PostCounts, Rules
from storage.engagement.grades import GradedPost, StoredGrade, StoredPolicy

log = structlog.get_logger()

BATCH = 500
# The baselines are measured once a day, over the posts of a quarter.
BASELINE_LIFETIME = timedelta(days=1)
BASELINE_SPAN = timedelta(days=90)


def grade_changed(db: Database, now: datetime) -> int:
    """Grade every post whose events changed or whose grade becomes final.

    Returns: how many were graded.
    """
    with db.transaction() as conn:
        engagement_counts.lock_grading(conn)
        engagement_counts.mark_due(conn, now)
        _refresh_baselines(conn, now)
    graded = 0
    while True:
        with db.transaction() as conn:
            engagement_counts.lock_grading(conn)
            changed = engagement_counts.take_changed(conn, BATCH)
            if not changed:
                break
            graded += _grade_batch(conn, changed, now)
    if graded:
        log.info("grades.computed", posts=graded)
    return graded


def rules_of(stored: StoredPolicy) -> GradePolicy:
    """Convert stored rules to those of the pure code. Raises: InvalidGradePolicy."""
    return GradePolicy(
        version=stored.version,
        weights_bps=stored.weights_bps,
        cutoffs_bps=stored.cutoffs_bps,
        prior_views=stored.prior_views,
        min_watch_ms=stored.min_watch_ms,
        min_comment_chars=stored.min_comment_chars,
        min_cohort=stored.min_cohort,
        min_people=stored.min_people,
        final_after=timedelta(days=stored.final_after_days),
    )


def measure_baseline(conn: Connection, policy: GradePolicy, now: datetime) -> dict[str, Baseline]:
    """Measure the baseline of every cohort from the counts of the last quarter."""
    return grading.baselines(
        (
            (
                grading.cohorts_of(media_type, length_ms, audience, category),
                creator_id,
                Counts(**qualified),
            )
            for media_type, length_ms, audience, category, creator_id, qualified in (
                engagement_grades.counted_posts(conn, now - BASELINE_SPAN)
            )
        ),
        policy,
    )


def load_baseline(cohorts: Mapping[str, Any]) -> dict[str, Baseline]:
    """Parse a stored baseline."""
    return {
        name: Baseline(
            stored["posts"],
            {
                signal: SignalBaseline(*zip(*rates, strict=True))
                for signal, rates in stored["signals"].items()
            },
        )
        for name, stored in cohorts.items()
    }


def grade_facts(counts: PostCounts, score: Score) -> dict[str, Any]:
    """Return everything a grade was computed from, as it is stored and shown."""
    return {
        "raw": dict(counts.raw),
        "qualified": dict(counts.qualified),
        "cohort": score.cohort,
        "cohort_posts": score.cohort_posts,
        "prior_bps": score.prior_bps,
        "prior_version": grading.PRIOR_VERSION,
        "signals": [asdict(part) for part in score.contributions],
    }


def _grade_batch(conn: Connection, changed: Mapping[bytes, bool], now: datetime) -> int:
    posts = [
        post
        for post in engagement_grades.load_posts(conn, list(changed))
        if post.status != "final" or changed[post.post_id]
    ]
    for version in sorted({post.policy_version for post in posts}):
        stored = engagement_grades.get_policy(conn, version)
        _grade_by_policy(
            conn, [post for post in posts if post.policy_version == version], stored, changed, now
        )
    return len(posts)


def _grade_by_policy(
    conn: Connection,
    posts: list[GradedPost],
    stored: StoredPolicy,
    changed: Mapping[bytes, bool],
    now: datetime,
) -> None:
    policy = rules_of(stored)
    ids = [post.post_id for post in posts]
    counted = {c.post_id: c for c in engagement_counts.count(conn, ids, _counting(policy), now)}
    stored_baseline = engagement_grades.find_baseline(conn, policy.version, now - BASELINE_LIFETIME)
    number, baselines = (
        (stored_baseline[0], load_baseline(stored_baseline[1]))
        if stored_baseline
        else _add_baseline(conn, policy, now)
    )
    grades: dict[bool, list[StoredGrade]] = {False: [], True: []}
    for post in posts:
        counts = counted[post.post_id]
        cohorts = grading.cohorts_of(
            post.media_type, counts.length_ms or post.length_ms, post.audience, post.category
        )
        score = grading.score(
            Counts(**counts.qualified), cohorts, baselines, policy, post.creator_id
        )
        final_at = post.published_at + policy.final_after
        status = "final" if final_at <= now else "provisional"
        was = post.grade if post.status == "final" and not post.is_fraud else None
        if was is not None and was < score.grade:
            continue  # a final grade falls by confirmed fraud alone
        grades[changed[post.post_id]].append(
            StoredGrade(
                post_id=post.post_id,
                status=status,
                grade=score.grade,
                score_bps=score.score_bps,
                final_at=final_at,
                policy_version=policy.version,
                baseline_id=number,
                facts=grade_facts(counts, score),
                computed_at=now,
            )
        )
    engagement_grades.keep_grades(conn, grades[False], "new events")
    engagement_grades.keep_grades(
        conn, grades[True], "what counts has changed since it was final", reopened=True
    )


def _refresh_baselines(conn: Connection, now: datetime) -> None:
    """Measure baselines that are a day old anew.

    Changed posts are counted first: otherwise a first run would have no counts to measure.
    """
    posts = engagement_grades.load_posts(conn, engagement_counts.list_changed(conn))
    for version in sorted({post.policy_version for post in posts}):
        if engagement_grades.find_baseline(conn, version, now - BASELINE_LIFETIME) is not None:
            continue
        policy = rules_of(engagement_grades.get_policy(conn, version))
        ids = [post.post_id for post in posts if post.policy_version == version]
        for start in range(0, len(ids), BATCH):
            engagement_counts.count(conn, ids[start : start + BATCH], _counting(policy), now)
        _add_baseline(conn, policy, now)


def _add_baseline(
    conn: Connection, policy: GradePolicy, now: datetime
) -> tuple[int, dict[str, Baseline]]:
    baselines = measure_baseline(conn, policy, now)
    number = engagement_grades.add_baseline(
        conn, policy.version, {name: _stored(found) for name, found in baselines.items()}, now
    )
    log.info("grades.baseline", policy_version=policy.version, cohorts=len(baselines))
    return number, baselines


def _stored(baseline: Baseline) -> dict[str, Any]:
    signals = {
        name: list(zip(found.rates, found.creators, strict=True))
        for name, found in baseline.signals.items()
    }
    return {"posts": baseline.posts, "signals": signals}


def _counting(policy: GradePolicy) -> Rules:
    return Rules(policy.min_watch_ms, policy.min_comment_chars, policy.final_after)
