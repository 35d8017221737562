"""Signals, the results of detectors: a score, the events it rests on, the facts, and one sentence
for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Fact = str | int | float
NOTHING: NDArray[np.int64] = np.zeros(0, np.int64)


class SignalName(StrEnum):
    """The patterns."""

    USER_AGENTS = "user_agents"
    REFERRERS = "referrers"
    ADDRESSES = "addresses"
    UNKNOWN = "unknown"
    BULK_ACCOUNTS = "bulk_accounts"
    SHARED_DEVICES = "shared_devices"
    LOCKSTEP = "lockstep"
    GIFTING = "gifting"


class Ground(StrEnum):
    """Causes that a signal rests on. Two signals with a common cause do not confirm each other."""

    SOFTWARE = "software"
    SOURCES = "sources"
    ADDRESSES = "addresses"
    SILENCE = "silence"
    NEW_ACCOUNTS = "new_accounts"
    DEVICES = "devices"
    BEHAVIOUR = "behaviour"
    MONEY = "money"


class SubjectKind(StrEnum):
    """What a signal is about, and what a freeze would hold."""

    POST = "post"
    CREATOR = "creator"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A post or a creator by its code."""

    kind: SubjectKind
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One pattern at one post or creator.

    Attributes:
        score: In [0, 1]. For a share of the traffic: the lower bound of that share (95 %
            confidence).
        grounds: The causes it rests on.
        facts: The measurements: `count`, `total`, `percent`; where it is known what is usual,
            `usual_low` and `usual_high` (percent); and the detector's own.
        sentence: One plain sentence, without blame.
        first_s, last_s: Unix times between which it was seen.
        events: (n,) ascending rows of the events it rests on.
        accounts: (m,) ascending codes of the accounts that these are of.
        doubtful: Whether its events do not count from now on: people are most unlikely behind them.
        beyond_doubt: Strong enough to act on alone, by the rule of its own detector. Never from a
            name alone.
        knowing: Whether the creator's own account took part in it.
    """

    name: SignalName
    subject: Subject
    score: float
    grounds: frozenset[Ground]
    facts: Mapping[str, Fact]
    sentence: str
    first_s: int
    last_s: int
    events: NDArray[np.int64] = field(default_factory=lambda: NOTHING, repr=False, compare=False)
    accounts: NDArray[np.int64] = field(default_factory=lambda: NOTHING, repr=False, compare=False)
    doubtful: bool = False
    beyond_doubt: bool = False
    knowing: bool = False


def distinct(codes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the codes that occur, each once and ascending, without -1."""
    return np.unique(codes[codes >= 0]).astype(np.int64)


def percent(part: float, whole: float) -> float:
    """Return a share in percent with one decimal; 0 where the whole is 0."""
    return round(100.0 * part / whole, 1) if whole else 0.0
