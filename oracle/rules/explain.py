"""Verdicts in words. Every number in a sentence is a stored fact; nothing is added. Pure."""

from collections.abc import Callable

from oracle.rules.cost import cost_of, in_words
from oracle.rules.decision import Reason, Verdict
from oracle.rules.numbers import percent as percent

_WAITS = " What a copy would cost waits until a person decides, or the time for that is over."
_COUNTS = " A person looks at it; without a decision in time it counts as original."
PERHAPS_TEMPLATE = (
    "Needs review: this {media_type} agrees with an earlier one{by} ({other}), but in what both"
    " show words, colours or pictures were exchanged: another watermark or caption over one"
    " picture, or two uses of one bought template." + _WAITS
)
DECIDED_COPY = (
    "Derivative: a person decided that this {media_type} copies an earlier work{by} ({other},"
    " {similarity} similar; the threshold is {threshold}). {costs}"
)
NOT_DECIDED = (
    "Not decided: nobody found in time whether this {media_type} or the other one ({other}{by})"
    " came first. Neither has a badge by it, nothing is redirected, and what waited is its"
    " creator's. A claim can still decide it."
)
SENTENCES = {
    Reason.NO_MATCH: "Original: nothing registered earlier shares verified content with this"
    " {media_type}.",
    Reason.BELOW_THRESHOLD: "Original: the nearest earlier work ({other}{by}) is {similarity}"
    " similar, below the threshold of {threshold}.",
    Reason.COPY_OF_EARLIER: "Derivative: this {media_type} is {similarity} similar to an earlier"
    " work{by} ({other}); the threshold is {threshold}. {costs}",
    Reason.SOUND_OF_EARLIER: "Derivative: the sound of this {media_type} is that of an earlier"
    " work{by} ({other}); its picture is not. Sound alone counts for a similarity of"
    " {similarity}; the threshold is {threshold}. {costs}",
    Reason.OWN_EARLIER_WORK: "Your own earlier work, posted again ({other}, {similarity} similar)."
    " {costs}",
    Reason.PERMISSION: "Licensed: it uses an earlier work{by} ({other}, {similarity} similar) with"
    " its creator's permission.",
    Reason.INSUFFICIENT_DETAIL: "Could not decide: {insufficient_detail}." + _COUNTS,
    Reason.INCOMPLETE_SEARCH: "Could not decide: works that came first could not be looked at in"
    " time. It is analysed again when they can be, until it is complete; a person looks at it,"
    " too.",
    Reason.SETTLED: "Original: people decided that this {media_type} is no copy of the earlier"
    " work that it matches. That holds for every edit of both, until a new fact is brought.",
    Reason.UNKNOWN_CREATOR: "Needs review: this {media_type} is {similarity} similar to an earlier"
    " work ({other}) whose creator nobody named, so nobody can be credited." + _WAITS,
    Reason.ERASED_SOURCE: "Needs review: this {media_type} is {similarity} similar to a copy"
    " ({other}) of a work that its creator had erased, so nobody can compare the two. A copyist"
    " is never credited." + _WAITS,
    Reason.COPY_OF_COPY: "Needs review: this {media_type} is {similarity} similar to a copy"
    " ({other}) of another creator's work, and whether it has that creator's part of it or the"
    " copyist's is not proven. A copyist is never credited." + _WAITS,
    Reason.SHARED_SOURCE: "Original: what this {media_type} has in common with an earlier"
    " work{by} ({other}) is claimed by nobody here: it comes from a source that none of our"
    " creators owns, or the earlier creator leaves it to others. It earns all that an original"
    " earns; there is no badge until somebody proves that it is theirs.",
    Reason.PERHAPS_SHARED: "Needs review: this {media_type} has a part in common with an earlier"
    " work{by} ({other}), and both have content of their own beside it. Perhaps both took it from"
    " a third." + _WAITS,
    Reason.QUARANTINED: "Needs review: this {media_type} is {similarity} similar to an earlier"
    " work{by} ({other}) that people look into, as it matches many creators. Nobody is accused by"
    " it meanwhile; what a copy would cost waits until that is decided.",
    Reason.REVIEWED: "{verdict}: a person decided so, after the oracle could not.",
    Reason.REVIEW_LAPSED: "Original: the oracle could not decide, and nobody found it a copy in"
    " time. What waited is its creator's.",
    Reason.PART_NOT_JUDGED: "Could not decide: {unjudged}, and that was not looked at; in the rest"
    " nothing registered earlier was found." + _COUNTS,
    Reason.CONTESTED: "Needs review: this {media_type} and another one ({other}{by}) were brought"
    " by different creators so close to each other on chain, or while one's server let us wait,"
    " that their order proves nothing. Nothing is redirected, and what both earn waits until"
    " someone decides. If nobody does in time it is free, and neither has a badge.",
}
BY = " by {creator}"


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
    say: Callable[[str], str] = str,
) -> str:
    """Say what was decided and why, in one or two sentences.

    Args:
        other: how the matched work is called ("photo.jpg, registered 2026-11-22 10:00 UTC").
        other_creator: handle of its creator, None where no creator was named.
        say: what a sentence, with its gaps, or a word is in the reader's language.
    """
    sentence = SENTENCES[reason]
    if reason is Reason.PERHAPS_SHARED and media_type == "image":
        sentence = PERHAPS_TEMPLATE
    if reason is Reason.REVIEWED and verdict is Verdict.DERIVATIVE:
        sentence = DECIDED_COPY
    if reason is Reason.REVIEW_LAPSED and verdict is Verdict.UNDECIDED:
        sentence = NOT_DECIDED
    word = say(verdict.replace("_", " "))
    return say(sentence).format(
        verdict=word[:1].upper() + word[1:],
        media_type=say(media_type),
        similarity=percent(similarity_bps),
        threshold=percent(threshold_bps),
        other=other,
        by=say(BY).format(creator=other_creator) if other_creator else "",
        costs=in_words(cost_of(verdict, redirect_bps=redirect_bps), say=say),
        insufficient_detail=say(insufficient_detail or ""),
        unjudged=say(unjudged or ""),
    )
