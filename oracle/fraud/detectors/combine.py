"""Combine the signals at a subject into an action.

1. A signal below the alert score is noise.
2. Signals that rest on mostly the same events or accounts, or on a common cause, are one.
3. A machine holds money only where two signals are independent, or one is beyond doubt by its own
   stated rule, and where the creator took part: her own account stands among them. Whoever else
   could have caused it, an enemy could; then the doubtful events do not count, and nothing is held.
4. Money that was given as gifts waits for nobody but a person.
Everything else that reaches the alert score is shown to a reviewer, and nothing is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from oracle.fraud.detectors.signals import Signal, Subject, SubjectKind
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
        """Combined score in [0, 1]: 1 - product of (1 - score), over one signal of each cause."""
        left, counted = 1.0, list[Signal]()
        for signal in self.signals:
            if all(independent(signal, other) for other in counted):
                counted.append(signal)
                left *= 1.0 - signal.score
        return 1.0 - left


def independent(a: Signal, b: Signal) -> bool:
    """Tell whether two signals confirm each other: different causes, events and accounts."""
    if a.name == b.name or a.grounds & b.grounds:
        return False
    return not (_mostly_the_same(a.events, b.events) or _mostly_the_same(a.accounts, b.accounts))


def decide(subject: Subject, signals: Sequence[Signal], limits: CombineLimits) -> Finding | None:
    """Decide on the signals at one subject. Returns: None where all of them are noise."""
    relevant = sorted(
        (s for s in signals if s.score >= limits.alert_score), key=lambda s: (-s.score, s.name)
    )
    if not relevant:
        return None
    agreed = _agreement([s for s in relevant if s.score >= limits.freeze_score])
    if agreed is None:
        action, reason = Action.WATCH, "no second independent signal agrees"
    elif subject.kind is not SubjectKind.POST:
        action, reason = Action.WATCH, f"{agreed}; a person looks at gifts first"
    elif not any(signal.knowing for signal in relevant):
        action, reason = Action.WATCH, f"{agreed}; but somebody else may have caused it"
    else:
        action, reason = Action.FREEZE, f"{agreed}, and the creator's own account took part"
    return Finding(subject, tuple(relevant), action, reason)


def combine(signals: Iterable[Signal], limits: CombineLimits) -> list[Finding]:
    """Return one finding for each subject that has any, in order of subject."""
    by_subject: dict[Subject, list[Signal]] = {}
    for signal in signals:
        by_subject.setdefault(signal.subject, []).append(signal)
    decided = (
        decide(subject, at_subject, limits) for subject, at_subject in sorted(by_subject.items())
    )
    return [finding for finding in decided if finding is not None]


def _agreement(strong: Sequence[Signal]) -> str | None:
    """Say what speaks for it, None where too little does."""
    for signal in strong:
        if signal.beyond_doubt:
            return f'"{RULES[signal.name]}" is beyond doubt by its own rule'
    for a, b in combinations(strong, 2):
        if independent(a, b):
            return f'"{RULES[a.name]}" and "{RULES[b.name]}" agree independently'
    return None


def _mostly_the_same(a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    """Tell whether half of the smaller of two sets or more is in the other."""
    smaller = min(len(a), len(b))
    return smaller > 0 and 2 * len(np.intersect1d(a, b)) >= smaller
