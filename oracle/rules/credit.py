"""Whose an upload's content is: of several proven sources the one that was taken. Pure.

`tests/vectors/credit.json` holds the vectors of these rules and of the verdicts that follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oracle.rules.numbers import BPS
from oracle.rules.order import Precedence
from oracle.rules.overlap import SAME_STRETCH_BPS

# Two works that cover about the same of an upload: the smaller part is at least half the larger.
# An edit hides some of the original, which its own copies still have.
ABOUT_THE_SAME_BPS = 5_000
# A work whose other quarter, or more, is not in the other one has content of its own.
MAINLY_BPS = 7_500
# Of the upload, what a short sound inside it has to fill: ten seconds of a work of ten seconds, one
# second in ten of a work of a hundred. So a jingle costs nobody anything, at no length at once.
SHORT_SOUND_S = 10
# Alignments are measured in blocks and frames: less of an overlap is none.
OWN_PART_BPS = 500


class Standing(Enum):
    """What a proven match says about the upload."""

    COPY = "copy"
    INCIDENTAL = "incidental"  # too little of the upload: shown, and no accusation
    SHARED = "shared"  # from a source that nobody here owns
    DOUBTFUL = "doubtful"  # perhaps both took it from a third


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What an upload and an earlier work have in common, by proof.

    Attributes:
        share_bps: of the upload. taken_bps: of the earlier work.
        timed: both run in time, so that the shares are shares of time.
        sound_only: a video shares nothing but its sound. sound: what is shared is sound.
        earlier_is_video: the earlier work has pictures of its own.
        earlier_s: seconds of the earlier work, None where it has none.
        shared_bps: how much of what they have in common lies in sources that nobody here owns.
        looped: films that share a loop of pictures, each with sound of its own.
        exchanged: pictures that differ in their words or colours, as two uses of one template do.
    """

    share_bps: int
    taken_bps: int = BPS
    timed: bool = False
    sound_only: bool = False
    sound: bool = False
    earlier_is_video: bool = False
    earlier_s: float | None = None
    shared_bps: int = 0
    looped: bool = False
    exchanged: bool = False


def standing_of(taken: Taken) -> Standing:
    """What a match says, by how much of the upload's own content the earlier work explains.

    A short sound in a long upload is no accusation. Where each of two works that run in time has
    content of its own beside what they share (an advertisement, an intro), or two films with other
    pictures have one sound (music of a library), or with other sound one loop of pictures, or two
    pictures may be one template with other words, the earlier one need not be where it comes from.
    """
    if taken.shared_bps >= SAME_STRETCH_BPS:
        return Standing.SHARED
    if (
        taken.sound
        and taken.earlier_s is not None
        and taken.share_bps < ABOUT_THE_SAME_BPS
        and taken.share_bps * taken.earlier_s < SHORT_SOUND_S * BPS
    ):
        return Standing.INCIDENTAL
    if taken.timed and max(taken.share_bps, taken.taken_bps) < MAINLY_BPS:
        return Standing.DOUBTFUL
    if taken.looped or taken.exchanged or (taken.sound_only and taken.earlier_is_video):
        return Standing.DOUBTFUL
    return Standing.COPY


def worth_bps(share_bps: int, *, sound_only: bool, sound_ceiling_bps: int) -> int:
    """How much of an upload's worth a match covers: the sound of a film is a part of it only."""
    return share_bps * sound_ceiling_bps // BPS if sound_only else share_bps


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source that may be credited.

    Attributes:
        worth_bps: see `worth_bps`.
    """

    precedence: Precedence
    worth_bps: int


def main_source(sources: Sequence[Source]) -> int:
    """The source that was taken, as its place in the sequence.

    Of those that cover about as much as the largest, the earliest: later ones are copies
    themselves. A sticker, or music alone, beats nothing that was taken whole.

    Raises: ValueError where there is none.
    """
    largest = max(source.worth_bps for source in sources)
    large = [
        at
        for at, source in enumerate(sources)
        if source.worth_bps * BPS >= largest * ABOUT_THE_SAME_BPS
    ]
    return min(large, key=lambda at: sources[at].precedence)


def through_copy_bps(similarity_bps: int, *, of_author_bps: int, threshold_bps: int) -> int:
    """The similarity that an upload has with an author's work behind a copy of it.

    Args:
        similarity_bps: the lowest between upload, copy and author.
        of_author_bps: how much of what was taken from the copy is the author's, by composition of
            both alignments.
    Returns: `similarity_bps` where all of it is, the threshold where nothing of it is.
    """
    if similarity_bps < threshold_bps:
        return similarity_bps
    return threshold_bps + (similarity_bps - threshold_bps) * of_author_bps // BPS


def is_copyists_own(of_author_bps: int | None) -> bool:
    """Whether what was taken from a known copy is its own part: another half, or its pictures where
    only its sound is the author's. That makes it nobody's copy.
    """
    return of_author_bps is not None and of_author_bps < OWN_PART_BPS


def is_mainly(share_bps: int) -> bool:
    """Whether a share is the larger part: of what was taken from a known copy its author's."""
    return share_bps >= ABOUT_THE_SAME_BPS
