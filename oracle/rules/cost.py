"""What a verdict costs the creator of a post, in numbers and in words. Pure.

Every text about a verdict takes its words from here, so that none says nothing is lost where
something is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from oracle.rules.decision import Verdict
from oracle.rules.numbers import percent
from oracle.rules.payout import Grade, bonus_bps


@dataclass(frozen=True)
class Cost:
    """What a verdict takes from a post's creator.

    Attributes:
        redirect_bps: share of all earnings that goes to another creator.
        held_bps: share that waits until it is decided whose it is.
        halves_bonus: whether the bonus is half of an original's.
    """

    redirect_bps: int = 0
    held_bps: int = 0
    halves_bonus: bool = False

    @property
    def any(self) -> bool:
        """Whether it takes or holds anything."""
        return bool(self.redirect_bps or self.held_bps or self.halves_bonus)


def cost_of(verdict: Verdict, *, redirect_bps: int = 0, held_bps: int = 0) -> Cost:
    """What a verdict takes, by the rules of redirect and bonus.

    Args:
        redirect_bps: of a derivative. held_bps: of what is undecided.
    """
    return Cost(
        redirect_bps if verdict is Verdict.DERIVATIVE else 0,
        held_bps if verdict is Verdict.UNDECIDED else 0,
        bonus_bps(Grade.A, verdict) < bonus_bps(Grade.A, Verdict.ORIGINAL),
    )


GOES = "{share} of what it earns goes to the earlier work's creator."
WAITS = "{share} of what it earns waits until it is decided whose it is; it is not taken away."
HALVED = "Its bonus is half of an original's."
ALL = "It earns all that an original earns."


def in_words(cost: Cost, *, say: Callable[[str], str] = str) -> str:
    """What that means for the money, as whole sentences about the post ("it").

    Args: say: what a sentence, with its gaps, is in the reader's language.
    """
    parts = []
    if cost.redirect_bps:
        parts.append(say(GOES).format(share=percent(cost.redirect_bps)))
    if cost.held_bps:
        parts.append(say(WAITS).format(share=percent(cost.held_bps)))
    if cost.halves_bonus:
        parts.append(say(HALVED))
    return " ".join(parts) or say(ALL)
