"""Changing the grading rules: a dry run over recent posts first, then a new version for what is published later."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from oracle.creators import grading
from oracle.creators.errors import InvalidGradePolicy
from oracle.creators.grades import measure_baseline, rules_of
from oracle.creators.grading import Counts, GradePolicy
from oracle.decision import Verdict
from oracle.money import Grade, payout
from storage import engagement_grades
from storage.database import Connection
from storage.engagement_grades import StoredPolicy

DRY_RUN_SPAN = timedelta(days=30)
MOST_SHOWN = 10


@dataclass(frozen=True)
class Proposal:
    """New grading rules. How events are counted stays as it is in the version before."""

    weights_bps: Mapping[str, int]
    cutoffs_bps: Mapping[str, int]
    prior_views: int
    min_cohort: int
    final_after_days: int
    note: str


@dataclass(frozen=True)
class Change:
    """A post whose letter would be another one."""

    post_id: bytes
    was: str
    was_score_bps: int
    becomes: str
    score_bps: int
    bonus_minor: int  # more or less bonus for its announced weeks


@dataclass(frozen=True)
class DryRun:
    """What new rules would have done to the posts of the last 30 days.

    Attributes:
        moves: number of posts by "A to B".
        bonus_minor: cents of bonus more (or less) for the weeks announced so far.
        first: the changes that move most money.
    """

    posts: int
    changed: int
    moves: Mapping[str, int]
    bonus_minor: int
    first: tuple[Change, ...]


def dry_run(conn: Connection, proposal: Proposal, now: datetime) -> DryRun:
    """Grade the posts of the last 30 days by the proposed rules; nothing is stored. Raises: InvalidGradePolicy."""
    policy = rules_of(_stored(conn, proposal, None, ""))
    known = measure_baseline(conn, policy, now)
    graded = engagement_grades.graded_since(conn, now - DRY_RUN_SPAN)
    changes = []
    for post in graded:
        cohorts = grading.cohorts_of(post.media_type, post.length_ms, post.audience)
        found = grading.score(Counts(**post.qualified), cohorts, known, policy)
        if str(found.grade) == post.grade:
            continue
        verdict = Verdict(post.verdict) if post.verdict else Verdict.UNDECIDED
        bonus = _bonus(post.base_minor, found.grade, verdict) - _bonus(post.base_minor, Grade(post.grade), verdict)
        changes.append(Change(post.post_id, post.grade, post.score_bps, found.grade, found.score_bps, bonus))
    changes.sort(key=lambda change: (-abs(change.bonus_minor), change.post_id))
    moves = Counter(f"{change.was} to {change.becomes}" for change in changes)
    bonus_minor = sum(change.bonus_minor for change in changes)
    return DryRun(len(graded), len(changes), dict(sorted(moves.items())), bonus_minor, tuple(changes[:MOST_SHOWN]))


def adopt(conn: Connection, proposal: Proposal, effective_from: datetime, actor: str, now: datetime) -> StoredPolicy:
    """Store new rules for what is published from a moment in the future on. Raises: InvalidGradePolicy."""
    if effective_from <= now:
        raise InvalidGradePolicy("Rules apply to the future: nobody is graded by rules made after the post came out.")
    stored = _stored(conn, proposal, effective_from, actor)
    rules_of(stored)
    latest = engagement_grades.list_policies(conn)[0]
    if latest.effective_from is not None and effective_from <= latest.effective_from:
        raise InvalidGradePolicy(f"Version {latest.version} begins at {latest.effective_from}; a later one follows it.")
    engagement_grades.add_policy(conn, stored)
    return stored


def _stored(conn: Connection, proposal: Proposal, effective_from: datetime | None, actor: str) -> StoredPolicy:
    latest = engagement_grades.list_policies(conn)[0]
    default = GradePolicy(0, proposal.weights_bps, proposal.cutoffs_bps)  # checks them before anything is computed
    return StoredPolicy(
        version=latest.version + 1,
        effective_from=effective_from,
        weights_bps=default.weights_bps,
        cutoffs_bps=default.cutoffs_bps,
        prior_views=proposal.prior_views,
        min_watch_ms=latest.min_watch_ms,
        min_comment_chars=latest.min_comment_chars,
        min_cohort=proposal.min_cohort,
        final_after_days=proposal.final_after_days,
        note=proposal.note,
        created_by=actor,
    )


def _bonus(base_minor: int, grade: Grade, verdict: Verdict) -> int:
    return payout(base_minor, grade, verdict, 0).bonus
