"""Changes of the grading rules: a dry run over recent posts, then a new version for later posts.

Governance sets the cut-offs: where the contract's policy is known they are taken from there,
version by version. The rest (weights, shrinkage, cohorts) is set by the platform.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from oracle.engagement import grading
from oracle.engagement.errors import CutoffsGovernedOnChain, InvalidGradePolicy
from oracle.engagement.grades import measure_baseline, rules_of
from oracle.engagement.grading import Counts, GradePolicy
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, payout
from storage.database import Connection
from storage.engagement import grades as engagement_grades
from storage.engagement.grades import StoredPolicy
from storage.ledger import ledger
from storage.works import policies
from storage.works.policies import PolicyTerms

log = structlog.get_logger()

GOVERNANCE = "governance, on chain"
LETTERS = ("A", "B", "C", "D")
DRY_RUN_SPAN = timedelta(days=30)
MAX_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """New grading rules. How events are counted is taken over from the version before."""

    weights_bps: Mapping[str, int]
    cutoffs_bps: Mapping[str, int]
    prior_views: int
    min_cohort: int
    final_after_days: int
    note: str
    min_people: int = 50


@dataclass(frozen=True, kw_only=True)
class Change:
    """A post whose letter would change."""

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
        moves: Number of posts by "A to B".
        bonus_minor: Cents of bonus more (or less) for the weeks announced so far.
        first: The changes that move most money.
    """

    posts: int
    changed: int
    moves: Mapping[str, int]
    bonus_minor: int
    first: tuple[Change, ...]


def dry_run(conn: Connection, proposal: Proposal, now: datetime) -> DryRun:
    """Grade the posts of the last 30 days by the proposed rules; nothing is stored.

    Raises: InvalidGradePolicy.
    """
    policy = rules_of(_stored(conn, proposal, None, ""))
    baselines = measure_baseline(conn, policy, now)
    graded = engagement_grades.graded_since(conn, now - DRY_RUN_SPAN)
    changes = []
    for post in graded:
        cohorts = grading.cohorts_of(post.media_type, post.length_ms, post.audience, post.category)
        score = grading.score(Counts(**post.qualified), cohorts, baselines, policy, post.creator_id)
        if str(score.grade) == post.grade:
            continue
        verdict = Verdict(post.verdict) if post.verdict else Verdict.UNDECIDED
        bonus = _bonus(post.base_minor, score.grade, verdict) - _bonus(
            post.base_minor, Grade(post.grade), verdict
        )
        changes.append(
            Change(
                post_id=post.post_id,
                was=post.grade,
                was_score_bps=post.score_bps,
                becomes=score.grade,
                score_bps=score.score_bps,
                bonus_minor=bonus,
            )
        )
    changes.sort(key=lambda change: (-abs(change.bonus_minor), change.post_id))
    moves = Counter(f"{change.was} to {change.becomes}" for change in changes)
    bonus_minor = sum(change.bonus_minor for change in changes)
    return DryRun(
        len(graded),
        len(changes),
        dict(sorted(moves.items())),
        bonus_minor,
        tuple(changes[:MAX_SHOWN]),
    )


@dataclass(frozen=True)
class LetterShare:
    """Of the graded posts of one kind, how many have a grade with a bonus."""

    kind: str
    posts: int
    a: int
    b: int


def letter_shares(conn: Connection, now: datetime) -> dict[str, list[LetterShare]]:
    """Return the shares of A and B among the last 30 days' posts, by category, length, audience."""
    counted: dict[str, dict[str, list[int]]] = {"category": {}, "length": {}, "audience": {}}
    for media_type, category, length_ms, audience, *numbers in engagement_grades.letters_since(
        conn, now - DRY_RUN_SPAN
    ):
        kinds = {
            "category": category or "not stated",
            "length": grading.length_of(media_type, length_ms),
            "audience": grading.audience_of(audience),
        }
        for by, kind in kinds.items():
            so_far = counted[by].setdefault(kind, [0, 0, 0])
            counted[by][kind] = [n + more for n, more in zip(so_far, numbers, strict=True)]
    return {
        by: [LetterShare(kind, *numbers) for kind, numbers in sorted(found.items())]
        for by, found in counted.items()
    }


def adopt(
    conn: Connection, proposal: Proposal, effective_from: datetime, actor: str, now: datetime
) -> StoredPolicy:
    """Store new rules for what is published from a future time on.

    Raises: InvalidGradePolicy, CutoffsGovernedOnChain.
    """
    engagement_grades.lock_policies(conn)
    if effective_from <= now:
        raise InvalidGradePolicy(
            "Rules apply to the future: nobody is graded by rules made after the post came out."
        )
    stored = _stored(conn, proposal, effective_from, actor)
    rules_of(stored)
    terms = policies.final_terms(conn)
    if terms and dict(proposal.cutoffs_bps) != cutoffs_of(terms):
        raise CutoffsGovernedOnChain(
            f"The cut-offs are set by governance on chain; version {terms.version} says"
            f" {cutoffs_of(terms)}. Send those, or have governance change them: the change is"
            " followed by itself."
        )
    latest = engagement_grades.list_policies(conn)[0]
    if latest.effective_from is not None and effective_from <= latest.effective_from:
        raise InvalidGradePolicy(
            f"Version {latest.version} begins at {latest.effective_from}; a later one follows it."
        )
    engagement_grades.add_policy(conn, stored)
    return stored


def follow_governance(conn: Connection, now: datetime) -> list[StoredPolicy]:
    """Take over the cut-offs of the contract's newest final policy for posts from next week on.

    Pay is by the week, and no post is graded by rules made after it came out. Each version that
    begins later is followed by one with the same beginning and the new cut-offs. That includes
    versions that have these cut-offs already, once an earlier one was followed: of two in force the
    newer version wins, and would hide them.

    Returns: the new versions; none where the rules agree already. Raises: InvalidGradePolicy.
    """
    newest = policies.final_terms(conn)
    if newest is None:
        return []
    engagement_grades.lock_policies(conn)
    versions = engagement_grades.list_policies(conn)
    begins = ledger.next_week(now)
    followed: list[StoredPolicy] = []
    for rules in _in_force_from(versions, begins):
        if not followed and dict(rules.cutoffs_bps) == cutoffs_of(newest):
            continue
        stored = replace(
            rules,
            version=versions[0].version + 1 + len(followed),
            effective_from=max(begins, rules.effective_from or begins),
            cutoffs_bps=cutoffs_of(newest),
            note=f"Cut-offs of version {newest.version} of the policy that governance set on"
            " chain.",
            created_by=GOVERNANCE,
            chain_version=newest.version,
        )
        rules_of(stored)
        engagement_grades.add_policy(conn, stored)
        followed.append(stored)
        # Letters and bonuses change: operators who set cut-offs of their own must see it.
        log.warning(
            "grades.followed_governance",
            version=stored.version,
            chain_version=newest.version,
            follows=rules.version,
            begins=stored.effective_from,
            cutoffs_before=dict(rules.cutoffs_bps),
            cutoffs_now=dict(stored.cutoffs_bps),
        )
    return followed


def cutoffs_of(terms: PolicyTerms) -> dict[str, int]:
    """Return the cut-offs by letter, in basis points of the score."""
    return dict(zip(LETTERS, terms.grade_cutoffs_bps, strict=True))


def _in_force_from(versions: Sequence[StoredPolicy], moment: datetime) -> list[StoredPolicy]:
    """Return the rules in force at a time, and those that replace them later; the newest wins."""
    in_force: list[StoredPolicy] = []
    for rules in versions:  # the newest first
        if rules.effective_from is None or rules.effective_from <= moment:
            return [rules, *reversed(in_force)]
        in_force.append(rules)
    return in_force[::-1]


def _stored(
    conn: Connection, proposal: Proposal, effective_from: datetime | None, actor: str
) -> StoredPolicy:
    latest = engagement_grades.list_policies(conn)[0]
    # validates them before anything is computed
    default = GradePolicy(
        version=0, weights_bps=proposal.weights_bps, cutoffs_bps=proposal.cutoffs_bps
    )
    return StoredPolicy(
        version=latest.version + 1,
        effective_from=effective_from,
        weights_bps=default.weights_bps,
        cutoffs_bps=default.cutoffs_bps,
        prior_views=proposal.prior_views,
        min_watch_ms=latest.min_watch_ms,
        min_comment_chars=latest.min_comment_chars,
        min_cohort=proposal.min_cohort,
        min_people=proposal.min_people,
        final_after_days=proposal.final_after_days,
        note=proposal.note,
        created_by=actor,
    )


def _bonus(base_minor: int, grade: Grade, verdict: Verdict) -> int:
    return payout(base_minor, grade, verdict, 0).bonus
