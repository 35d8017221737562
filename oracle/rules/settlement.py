"""How far a settlement reaches: what people decided about two works holds for their content. Pure.

A granted appeal settles that one work is no copy of another. The same creator may post the first
one again, edited in any way, and the other side the second: nobody is accused a second time over
the same two sources.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from oracle.rules.decision import BPS

# Two measurements of the same overlap differ by a few percent: a border, a crop, a lost frame.
TOLERANCE_BPS = 1_000


@dataclass(frozen=True)
class ProvenMatch:
    """A work whose content was proven to be in the subject, and how much of the subject it is."""

    work_id: UUID
    share_bps: int


@dataclass(frozen=True)
class Settlement:
    """A settled pair of the subject's creator, as far as it meets the subject's matches.

    Attributes:
        is_subject: the subject has the bytes of the work that was found to be no copy.
        own: matches with the content of that work: it, its bytes again, or proven to repeat it.
        others: matches with the content of the work that it was found to be no copy of.
    """

    is_subject: bool
    own: Collection[UUID]
    others: Collection[UUID]


def covered(settlements: Sequence[Settlement], matches: Sequence[ProvenMatch]) -> set[UUID]:
    """The matched works that a settlement lets the subject be like.

    The subject has to be what was settled, or to match both sides of it by proof. The settled work
    excuses no more of the subject than it covers: pasted into a corner of the other side's picture
    it excuses nothing.
    """
    free: set[UUID] = set()
    for settlement in settlements:
        shares = [match.share_bps for match in matches if match.work_id in settlement.own]
        own_bps = BPS if settlement.is_subject else max(shares, default=None)
        if own_bps is None:
            continue
        free.update(
            match.work_id
            for match in matches
            if match.work_id in settlement.others and match.share_bps <= own_bps + TOLERANCE_BPS
        )
    return free
