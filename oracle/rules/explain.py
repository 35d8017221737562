"""Verdicts in words. Every number in a sentence is a stored fact; nothing is added. Pure."""

from oracle.rules.cost import cost_of, in_words
from oracle.rules.decision import Reason, Verdict
from oracle.rules.numbers import percent as percent


def explain(
    *,
    verdict: Verdict,
    reason: Reason,
    similarity_bps: int,
    threshold_bps: int,
    redirect_bps: int,
    media_type: str,
    other: str | None,
    other_creator: str | None,
    insufficient_detail: str | None = None,
    unjudged: str | None = None,
) -> str:
    """Say what was decided and why, in one or two sentences.

    Args:
        other: how the matched work is called ("photo.jpg, registered 2026-11-22 10:00 UTC").
        other_creator: handle of its creator, None where no creator was named.
    """
    similarity, threshold = percent(similarity_bps), percent(threshold_bps)
    by = f" by {other_creator}" if other_creator else ""
    costs = in_words(cost_of(verdict, redirect_bps=redirect_bps))
    match reason:
        case Reason.NO_MATCH:
            return (
                "Original: nothing registered earlier shares verified content with this"
                f" {media_type}."
            )
        case Reason.BELOW_THRESHOLD:
            return (
                f"Original: the nearest earlier work ({other}{by}) is {similarity} similar,"
                f" below the threshold of {threshold}."
            )
        case Reason.COPY_OF_EARLIER:
            return (
                f"Derivative: this {media_type} is {similarity} similar to an earlier work{by}"
                f" ({other}); the threshold is {threshold}. {costs}"
            )
        case Reason.SOUND_OF_EARLIER:
            return (
                f"Derivative: the sound of this {media_type} is that of an earlier work{by}"
                f" ({other}); its picture is not. Sound alone counts for a similarity of"
                f" {similarity}; the threshold is {threshold}. {costs}"
            )
        case Reason.OWN_EARLIER_WORK:
            return f"Your own earlier work, posted again ({other}, {similarity} similar). {costs}"
        case Reason.PERMISSION:
            return (
                f"Licensed: it uses an earlier work{by} ({other}, {similarity} similar) with"
                " its creator's permission."
            )
        case Reason.INSUFFICIENT_DETAIL:
            return (
                f"Could not decide: {insufficient_detail}. A person looks at it; without a decision"
                " in time it counts as original."
            )
        case Reason.INCOMPLETE_SEARCH:
            return (
                "Could not decide: works that came first could not be looked at in time. It is"
                " analysed again when they can be, until it is complete; a person looks at it, too."
            )
        case Reason.SETTLED:
            return (
                f"Original: people decided that this {media_type} is no copy of the earlier work"
                " that it matches. That holds for every edit of both, until a new fact is brought."
            )
        case Reason.UNKNOWN_CREATOR:
            return (
                f"Needs review: this {media_type} is {similarity} similar to an earlier work"
                f" ({other}) whose creator nobody named, so nobody can be credited. What a copy"
                " would cost waits until a person decides, or the time for that is over."
            )
        case Reason.ERASED_SOURCE:
            return (
                f"Needs review: this {media_type} is {similarity} similar to a copy ({other}) of a"
                " work that its creator had erased, so nobody can compare the two. A copyist is"
                " never credited. What a copy would cost waits until a person decides, or the time"
                " for that is over."
            )
        case Reason.COPY_OF_COPY:
            return (
                f"Needs review: this {media_type} is {similarity} similar to a copy ({other}) of"
                " another creator's work, and whether it has that creator's part of it or the"
                " copyist's is not proven. A copyist is never credited. What a copy would cost"
                " waits until a person decides, or the time for that is over."
            )
        case Reason.SHARED_SOURCE:
            return (
                f"Original: what this {media_type} has in common with an earlier work{by} ({other})"
                " is claimed by nobody here: it comes from a source that none of our creators"
                " owns, or the earlier creator leaves it to others. It earns all that an original"
                " earns; there is no badge until somebody proves that it is theirs."
            )
        case Reason.PERHAPS_SHARED if media_type == "image":
            return (
                f"Needs review: this {media_type} agrees with an earlier one{by} ({other}), but in"
                " what both show words, colours or pictures were exchanged: another watermark or"
                " caption over one picture, or two uses of one bought template. What a copy would"
                " cost waits until a person decides, or the time for that is over."
            )
        case Reason.PERHAPS_SHARED:
            return (
                f"Needs review: this {media_type} has a part in common with an earlier work{by}"
                f" ({other}), and both have content of their own beside it. Perhaps both took it"
                " from a third. What a copy would cost waits until a person decides, or the time"
                " for that is over."
            )
        case Reason.QUARANTINED:
            return (
                f"Needs review: this {media_type} is {similarity} similar to an earlier work{by}"
                f" ({other}) that people look into, as it matches many creators. Nobody is accused"
                " by it meanwhile; what a copy would cost waits until that is decided."
            )
        case Reason.REVIEWED:
            if verdict is Verdict.DERIVATIVE:
                return (
                    f"Derivative: a person decided that this {media_type} copies an earlier"
                    f" work{by} ({other}, {similarity} similar; the threshold is {threshold})."
                    f" {costs}"
                )
            return f"{verdict.capitalize()}: a person decided so, after the oracle could not."
        case Reason.REVIEW_LAPSED:
            if verdict is Verdict.UNDECIDED:
                return (
                    f"Not decided: nobody found in time whether this {media_type} or the other one"
                    f" ({other}{by}) came first. Neither has a badge by it, nothing is redirected,"
                    " and what waited is its creator's. A claim can still decide it."
                )
            return (
                "Original: the oracle could not decide, and nobody found it a copy in time. What"
                " waited is its creator's."
            )
        case Reason.PART_NOT_JUDGED:
            return (
                f"Could not decide: {unjudged}, and that was not looked at; in the rest nothing"
                " registered earlier was found. A person looks at it; without a decision in time it"
                " counts as original."
            )
        case Reason.CONTESTED:
            return (
                f"Needs review: this {media_type} and another one ({other}{by}) were brought by"
                " different creators so close to each other on chain, or while one's server let us"
                " wait, that their order proves nothing. Nothing is redirected, and what both earn"
                " waits until someone decides."
                " If nobody does in time it is free, and neither has a badge."
            )
    raise AssertionError(f"no sentence for {reason} ({verdict})")
