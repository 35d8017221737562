"""From verified matches to a verdict: pure rules, no I/O, no clock, no randomness.

The same rules stand in Solidity (`contracts/src/libraries/RedirectMath.sol`);
`tests/vectors/rules.json` holds the vectors that both must satisfy, and a property test compares
the two over the whole domain.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from uuid import UUID

from oracle.rules import credit
from oracle.rules.credit import Standing, Taken
from oracle.rules.numbers import BPS as BPS
from oracle.rules.order import Precedence
from oracle.rules.overlap import Part, explained_bps

HIGH_BPS = 9_000
MEDIUM_BPS = 7_000


EPOCH = datetime.fromtimestamp(0, UTC)


class RuleError(ValueError):
    """An argument is outside the domain of a rule."""


class InvalidThreshold(RuleError):
    """A threshold must be at least 0 and below 10 000 basis points."""


class SimilarityOutOfRange(RuleError):
    """A similarity must be a number from 0 to 1, or 0 to 10 000 basis points."""


class InvalidBase(RuleError):
    """A base redirect must be 0 to 10 000 basis points."""


class Tier(StrEnum):
    """How strong a similarity is; says nothing about the verdict, which depends on the
    threshold.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Verdict(StrEnum):
    """What an analysis concluded about one work."""

    ORIGINAL = "original"
    DERIVATIVE = "derivative"
    SELF_DUPLICATE = "self_duplicate"
    LICENSED = "licensed"
    UNDECIDED = "undecided"


EXCUSED = (Verdict.SELF_DUPLICATE, Verdict.LICENSED)


class Reason(StrEnum):
    """Why the verdict is what it is; each one has a sentence in `oracle.rules.explain`."""

    NO_MATCH = "no_match"
    BELOW_THRESHOLD = "below_threshold"
    COPY_OF_EARLIER = "copy_of_earlier"
    SOUND_OF_EARLIER = "sound_of_earlier"
    OWN_EARLIER_WORK = "own_earlier_work"
    PERMISSION = "permission"
    INSUFFICIENT_DETAIL = "too_plain"
    INCOMPLETE_SEARCH = "incomplete_search"
    UNKNOWN_CREATOR = "unknown_creator"
    SETTLED = "settled"
    ERASED_SOURCE = "erased_source"
    # What it copies is a copy, and whether its author's content was taken nobody can tell.
    COPY_OF_COPY = "copy_of_copy"
    # Both have it from a source that nobody here owns; or perhaps they have.
    SHARED_SOURCE = "shared_source"
    PERHAPS_SHARED = "perhaps_shared"
    QUARANTINED = "quarantined"
    # Of what was undecided: a person ended it, or nobody did in time.
    REVIEWED = "reviewed"
    REVIEW_LAPSED = "review_lapsed"
    CONTESTED = "contested"
    PART_NOT_JUDGED = "part_not_judged"


def similarity_to_bps(similarity: float) -> int:
    """Basis points of a similarity in [0, 1], floored: 0.9499999 never becomes 0.95.

    The decimal text of the float is what is floored, so that 0.29 is 2900 and not the 2899 of
    binary 0.29 x 10 000.

    Raises: SimilarityOutOfRange, also for NaN.
    """
    if math.isnan(similarity) or not 0.0 <= similarity <= 1.0:
        raise SimilarityOutOfRange(f"similarity {similarity} is not in [0, 1]")
    return int((Decimal(repr(float(similarity))) * BPS).to_integral_value(ROUND_FLOOR))


def tier_of(similarity_bps: int) -> Tier:
    """The tier of a similarity in basis points. Raises: SimilarityOutOfRange."""
    _check_similarity(similarity_bps)
    if similarity_bps >= HIGH_BPS:
        return Tier.HIGH
    return Tier.MEDIUM if similarity_bps >= MEDIUM_BPS else Tier.LOW


def redirect_bps(similarity_bps: int, threshold_bps: int, base_bps: int) -> int:
    """The share of revenue that goes to the original creator, in basis points of that revenue.

    base x (s - t) / (10 000 - t) with one floor; 0 at and below the threshold, base at full
    similarity.

    Raises: SimilarityOutOfRange, InvalidThreshold, InvalidBase.
    """
    # Checked in the order of the contract, so that both name the same error where several arguments
    # are wrong.
    if not 0 <= threshold_bps < BPS:
        raise InvalidThreshold(f"threshold {threshold_bps} is not in [0, 10000)")
    _check_similarity(similarity_bps)
    if not 0 <= base_bps <= BPS:
        raise InvalidBase(f"base {base_bps} is not in [0, 10000]")
    if similarity_bps < threshold_bps:
        return 0
    return base_bps * (similarity_bps - threshold_bps) // (BPS - threshold_bps)


def _check_similarity(similarity_bps: int) -> None:
    if not 0 <= similarity_bps <= BPS:
        raise SimilarityOutOfRange(f"similarity {similarity_bps} is not in [0, 10000]")


@dataclass(frozen=True)
class SoundRule:
    """How a video that shares only its sound with an earlier work is judged.

    `threshold_bps`: the threshold of audio, where it is the higher one. `ceiling_bps`: the most of
    its revenue that the sound alone may redirect.
    """

    threshold_bps: int
    ceiling_bps: int


@dataclass(frozen=True)
class Policy:
    """The rules in force for one media type: what governance set on chain, and what the oracle
    adds.

    `min_share_bps`: a match that covers less of the subject than this is shown and accuses its
        creator of nothing.
    `sound_rule`: for matches that are `sound_only`; only videos have those.
    """

    version: int
    threshold_bps: int
    base_redirect_bps: int
    min_share_bps: int = 0
    sound_rule: SoundRule | None = None


@dataclass(frozen=True)
class Subject:
    """The work that is judged. `creator_id` is None where no creator was named.

    `unjudged`: the part of it that was not looked at, None where all of it was.
    """

    creator_id: int | None
    sequence: int
    insufficient_detail: str | None = None
    search_complete: bool = True
    dated_at: datetime = EPOCH
    unjudged: str | None = None

    @property
    def precedence(self) -> Precedence:
        """Its place among all works."""
        return Precedence(self.dated_at, self.sequence)


@dataclass(frozen=True, kw_only=True)
class Author:
    """The work behind a known copy: the first of its chain of copies.

    `similarity_bps`: the lowest of the chain. `licensed`: a permission of its creator covers the
    subject. `erased`: nobody can compare it with anything any more. `through_bps`: how much of what
    the subject has of the copy is the author's, by composition of the alignments between; None
    where they cannot be put together.
    """

    work_id: UUID
    creator_id: int | None
    sequence: int
    similarity_bps: int
    licensed: bool = False
    erased: bool = False
    through_bps: int | None = BPS


@dataclass(frozen=True, kw_only=True)
class Match:
    """One match: an already registered work and how much of it the subject repeats.

    `proven`: shared content was proven; likeness alone never reaches a threshold, whatever its
        number.
    `share_bps`: how much of the subject the match covers, `taken_bps`: of the earlier work.
    `sound_only`: a video shares nothing but its sound. `timed`, `sound`, `earlier_is_video`,
    `earlier_s`, `shared_bps`, `looped`, `exchanged`: see `oracle.rules.credit.Taken`.
    `original`: the earlier work is itself no copy. `settled`: people decided that this
    content is no copy of that one.
    `author`: of a work that is a derivative itself, whose work it copies; it is never credited.
    `quarantined`: people doubt the work, and nobody is accused of copying it meanwhile.
    `rival`: nobody can tell which of the two is the copy, whichever came first.
    `contested`: the earlier work has such a rival itself, so nobody knows whom to credit.
    `part`: where in the subject it is, None where nobody can say.
    """

    work_id: UUID
    creator_id: int | None
    sequence: int
    similarity_bps: int
    licensed: bool = False
    sound_only: bool = False
    proven: bool = True
    share_bps: int = BPS
    original: bool = True
    settled: bool = False
    dated_at: datetime = EPOCH
    rival: bool = False
    contested: bool = False
    author: Author | None = None
    quarantined: bool = False
    taken_bps: int = BPS
    timed: bool = False
    sound: bool = False
    earlier_is_video: bool = False
    earlier_s: float | None = None
    shared_bps: int = 0
    looped: bool = False
    part: Part | None = None
    exchanged: bool = False

    @property
    def precedence(self) -> Precedence:
        """Its place among all works."""
        return Precedence(self.dated_at, self.sequence)

    @property
    def standing(self) -> Standing:
        """What it says about the subject."""
        return credit.standing_of(
            Taken(
                share_bps=self.share_bps,
                taken_bps=self.taken_bps,
                timed=self.timed,
                sound_only=self.sound_only,
                sound=self.sound,
                earlier_is_video=self.earlier_is_video,
                earlier_s=self.earlier_s,
                shared_bps=self.shared_bps,
                looped=self.looped,
                exchanged=self.exchanged,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A verdict with everything that follows from it.

    `credited` is the match that the verdict rests on; `second` another creator's work that was
    taken as well, which has nothing of the redirect.
    """

    verdict: Verdict
    reason: Reason
    similarity_bps: int
    tier: Tier
    redirect_bps: int
    credited: Match | None
    second: Match | None = None


def decide(subject: Subject, matches: Sequence[Match], policy: Policy) -> Decision:
    """Judge a work by its verified matches; the order of the matches is irrelevant.

    Of the earlier works that reach the threshold the one is credited whose content was taken
    (`oracle.rules.credit`), the author's in the place of a known copy. What excuses (one's own
    work, a licensed one) excuses as much as it covers. Where none reaches the threshold the most
    similar earlier work is named as the nearest. What is settled counts for nothing. What was not
    looked at everywhere is not called original.

    Raises: SimilarityOutOfRange, InvalidThreshold, InvalidBase.
    """
    decided = _decide(subject, matches, policy)
    unsaid = decided.verdict is Verdict.ORIGINAL and decided.reason is not Reason.SETTLED
    if subject.unjudged is None or not unsaid:
        return decided
    return replace(decided, verdict=Verdict.UNDECIDED, reason=Reason.PART_NOT_JUDGED)


def _decide(subject: Subject, matches: Sequence[Match], policy: Policy) -> Decision:
    weighed = [_weighed(_own_part(m), policy) for m in matches]
    before = [m for m in weighed if m.precedence < subject.precedence]
    settled = {m.work_id for m in before if m.settled}
    earlier = [
        m
        for m in before
        if not m.settled
        and not _copies_subject(m, subject)
        and (m.author is None or m.author.work_id not in settled)
    ]
    copies = [m for m in earlier if m.similarity_bps >= policy.threshold_bps]
    rivals = [
        m for m in weighed if m.rival and not m.settled and m.similarity_bps >= policy.threshold_bps
    ]
    if subject.insufficient_detail is not None:
        return _conclude(Verdict.UNDECIDED, Reason.INSUFFICIENT_DETAIL, None, policy)
    if copies:
        return _decide_on(subject, copies, policy)
    if rivals:
        first = min(rivals, key=lambda m: m.precedence)
        return _conclude(Verdict.UNDECIDED, Reason.CONTESTED, first, policy)
    nearest = max(earlier, key=_nearness, default=None)
    if not subject.search_complete:
        return _conclude(Verdict.UNDECIDED, Reason.INCOMPLETE_SEARCH, nearest, policy)
    reason = Reason.NO_MATCH if nearest is None else Reason.BELOW_THRESHOLD
    if any(m.settled and m.similarity_bps >= policy.threshold_bps for m in before):
        reason = Reason.SETTLED
    return _conclude(Verdict.ORIGINAL, reason, nearest, policy)


def _decide_on(subject: Subject, copies: Sequence[Match], policy: Policy) -> Decision:
    """The verdict where works reach the threshold."""
    excuses = [m for m in copies if _verdict_on(subject, m)[0] in EXCUSED]
    # What is not excused: of that, what accuses comes before what is, or may be, nobody's here.
    left = [
        m for m in copies if m not in excuses and not any(_excuses(e, m, policy) for e in excuses)
    ]
    accusing = [m for m in left if m.standing is Standing.COPY]
    main = _main(accusing or left or copies, policy)
    credited = _author_behind(main, copies, policy)
    if not subject.search_complete:  # an even earlier one may be among what was not searched
        return _conclude(Verdict.UNDECIDED, Reason.INCOMPLETE_SEARCH, credited, policy)
    if main not in excuses and main not in accusing:
        if main.standing is Standing.SHARED:
            return _conclude(Verdict.ORIGINAL, Reason.SHARED_SOURCE, main, policy)
        return _conclude(Verdict.UNDECIDED, Reason.PERHAPS_SHARED, main, policy)
    if credited.similarity_bps < policy.threshold_bps:  # that of the author behind a copy
        return _conclude(Verdict.ORIGINAL, Reason.BELOW_THRESHOLD, credited, policy)
    verdict, reason = _verdict_on(subject, credited)
    if verdict is not Verdict.DERIVATIVE:
        return _conclude(verdict, reason, credited, policy)
    if credited.rival or credited.contested:
        return _conclude(Verdict.UNDECIDED, Reason.CONTESTED, credited, policy)
    others = [
        m
        for m in accusing
        if m.original and m.creator_id not in (None, subject.creator_id, credited.creator_id)
    ]
    second = _main(others, policy) if others else None
    return replace(_conclude(verdict, reason, credited, policy), second=second)


def _main(copies: Sequence[Match], policy: Policy) -> Match:
    ceiling = policy.sound_rule.ceiling_bps if policy.sound_rule else BPS
    sources = [
        credit.Source(
            precedence=m.precedence,
            worth_bps=credit.worth_bps(
                m.share_bps, sound_only=m.sound_only, sound_ceiling_bps=ceiling
            ),
        )
        for m in copies
    ]
    return copies[credit.main_source(sources)]


def _excuses(excuse: Match, match: Match, policy: Policy) -> bool:
    """Whether a work that excuses is where the subject has from what a match says: in the same
    place, and no scrap beside it.
    """
    if match.part is not None and excuse.part is not None:
        covered = explained_bps(match.part, excuse.part)
        if covered is not None and not credit.is_mainly(covered):
            return False
    return _main([excuse, match], policy) is excuse


def _nearness(match: Match) -> tuple[int, float, int]:
    return match.similarity_bps, -match.dated_at.timestamp(), -match.sequence


def _copies_subject(match: Match, subject: Subject) -> bool:
    """Whether a work is a known copy of the subject's own creator: that accuses its author of
    nothing.
    """
    author = match.author
    return author is not None and None is not author.creator_id == subject.creator_id


def _own_part(match: Match) -> Match:
    """A known copy of which only its own part was taken, as an original."""
    if match.author is None or not credit.is_copyists_own(match.author.through_bps):
        return match
    return replace(match, author=None, original=True)


def _author_behind(copy: Match, copies: Sequence[Match], policy: Policy) -> Match:
    """The author's work in the place of a known copy of it; a copyist is never credited.

    It counts by its own match or through the copy, whichever proves more. The copy stays where
    the author's work was erased, which a verdict rests on no more, and where nobody can say whether
    what was taken is the author's.
    """
    author = copy.author
    if author is None or author.erased:
        return copy
    own = next((m for m in copies if m.work_id == author.work_id), None)
    if author.through_bps is None or not credit.is_mainly(author.through_bps):
        return copy if own is None else own
    through = credit.through_copy_bps(
        min(copy.similarity_bps, author.similarity_bps),
        of_author_bps=author.through_bps,
        threshold_bps=policy.threshold_bps,
    )
    if own is not None:
        return replace(own, similarity_bps=max(own.similarity_bps, through), author=None)
    return replace(
        copy,
        work_id=author.work_id,
        creator_id=author.creator_id,
        sequence=author.sequence,
        similarity_bps=through,
        licensed=author.licensed,
        original=True,
        author=None,
    )


def _verdict_on(subject: Subject, credited: Match) -> tuple[Verdict, Reason]:
    if credited.creator_id is None:
        return Verdict.UNDECIDED, Reason.UNKNOWN_CREATOR
    # A known copy excuses nothing, be it one's own or licensed by the copyist.
    if credited.author is not None:
        erased = credited.author.erased
        return Verdict.UNDECIDED, Reason.ERASED_SOURCE if erased else Reason.COPY_OF_COPY
    if credited.creator_id == subject.creator_id:
        return Verdict.SELF_DUPLICATE, Reason.OWN_EARLIER_WORK
    if credited.licensed:
        return Verdict.LICENSED, Reason.PERMISSION
    if credited.quarantined:
        return Verdict.UNDECIDED, Reason.QUARANTINED
    return (
        Verdict.DERIVATIVE,
        Reason.SOUND_OF_EARLIER if credited.sound_only else Reason.COPY_OF_EARLIER,
    )


def _weighed(match: Match, policy: Policy) -> Match:
    """A match with the similarity that it counts for: the contract computes the redirect from
    that number alone.
    """
    incidental = match.standing is Standing.INCIDENTAL
    if not match.proven or incidental or match.share_bps < policy.min_share_bps:
        return replace(
            match, similarity_bps=min(match.similarity_bps, max(policy.threshold_bps - 1, 0))
        )
    if not match.sound_only or policy.sound_rule is None:
        return match
    return replace(
        match, similarity_bps=sound_only_bps(match.similarity_bps, policy.sound_rule, policy)
    )


def sound_only_bps(similarity_bps: int, rule: SoundRule, policy: Policy) -> int:
    """What the similarity of a sound counts for in the judgement of a video that shares nothing
    else.

    Below the sound's own threshold it stays below the video's; above it is cut to the largest
    similarity whose redirect does not exceed the ceiling.

    Raises: SimilarityOutOfRange, InvalidThreshold, InvalidBase.
    """
    threshold, base = policy.threshold_bps, policy.base_redirect_bps
    if redirect_bps(similarity_bps, threshold, base) <= rule.ceiling_bps:
        counted = similarity_bps
    else:
        counted = threshold + ((rule.ceiling_bps + 1) * (BPS - threshold) - 1) // base
    return counted if similarity_bps >= rule.threshold_bps else min(counted, max(threshold - 1, 0))


def _conclude(verdict: Verdict, reason: Reason, credited: Match | None, policy: Policy) -> Decision:
    similarity = credited.similarity_bps if credited else 0
    redirect = 0
    if verdict is Verdict.DERIVATIVE:
        redirect = redirect_bps(similarity, policy.threshold_bps, policy.base_redirect_bps)
    return Decision(
        verdict=verdict,
        reason=reason,
        similarity_bps=similarity,
        tier=tier_of(similarity),
        redirect_bps=redirect,
        credited=credited,
    )
