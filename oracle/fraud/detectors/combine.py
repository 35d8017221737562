"""Combine the signals at a subject into an action.

1. A signal below the alert score is noise.
2. Money is held only where two independent signals agree, or one is beyond doubt by its own stated
   rule.
3. Two signals are independent if they rest on different kinds of evidence. A burst may lose a
   ground to the other signal as long as it keeps one; every other signal stands only as a whole.
4. A burst is never beyond doubt: many views at once are what every creator hopes for.
Everything else that reaches the alert score is shown to a reviewer, and nothing is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from oracle.fraud.detectors.signals import Signal, Subject
from oracle.fraud.detectors.thresholds import CombineLimits
from oracle.fraud.wording import RULES


class Action(StrEnum):
    """What follows from a finding."""

    WATCH = "watch"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class Finding:
    """All signals at one subject, strongest first, and the action they lead to."""

    subject: Subject
    signals: tuple[Signal, ...]
    action: Action
    reason: str

    @property
    def score(self) -> float:
        """Combined score: 1 - product of (1 - score) over the signals, in [0, 1]."""
        left = 1.0
        for signal in self.signals:
            left *= 1.0 - signal.score
        return 1.0 - left


def independent(a: Signal, b: Signal) -> bool:
    """Tell whether two signals confirm each other: each keeps a ground of its own."""
    if a.name == b.name:
        return False
    left = a.grounds - b.grounds if a.divisible else a.grounds
    right = b.grounds - a.grounds if b.divisible else b.grounds
    return bool(left and right) and not left & right


def decide(subject: Subject, signals: Sequence[Signal], limits: CombineLimits) -> Finding | None:
    """Decide on the signals at one subject. Returns: None where all of them are noise."""
    relevant = sorted(
        (s for s in signals if s.score >= limits.alert_score), key=lambda s: (-s.score, s.name)
    )
    if not relevant:
        return None
    strong = [signal for signal in relevant if signal.score >= limits.freeze_score]
    certain = next((signal for signal in strong if signal.beyond_doubt), None)
    if certain is not None:
        return Finding(
            subject,
            tuple(relevant),
            Action.FREEZE,
            f'"{RULES[certain.name]}" is beyond doubt by its own rule',
        )
    for a, b in combinations(strong, 2):
        if independent(a, b):
            return Finding(
                subject,
                tuple(relevant),
                Action.FREEZE,
                f'"{RULES[a.name]}" and "{RULES[b.name]}" agree independently',
            )
    return Finding(subject, tuple(relevant), Action.WATCH, "no second independent signal agrees")


def combine(signals: Iterable[Signal], limits: CombineLimits) -> list[Finding]:
    """Return one finding for each subject that has any, in order of subject."""
    by_subject: dict[Subject, list[Signal]] = {}
    for signal in signals:
        by_subject.setdefault(signal.subject, []).append(signal)
    decided = (
        decide(subject, at_subject, limits) for subject, at_subject in sorted(by_subject.items())
    )
    return [finding for finding in decided if finding is not None]
