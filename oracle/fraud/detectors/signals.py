"""Signals, the results of detectors: a score, the facts, and one sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Fact = str | int | float


class SignalName(StrEnum):
    """The six patterns."""

    USER_AGENTS = "user_agents"
    REFERRERS = "referrers"
    BURST = "burst"
    BULK_ACCOUNTS = "bulk_accounts"
    SHARED_DEVICES = "shared_devices"
    GIFTING = "gifting"


class Ground(StrEnum):
    """Kinds of evidence. Two signals that rest on the same kind do not confirm each other."""

    SOFTWARE = "software"
    SOURCES = "sources"
    RETENTION = "retention"
    NEW_ACCOUNTS = "new_accounts"
    DEVICES = "devices"
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
        grounds: The kinds of evidence it rests on.
        divisible: True where each ground suffices; else it stands only as a whole.
        beyond_doubt: Strong enough to act on alone, by the rule of its own detector.
        facts: The measurements: `count`, `total`, `usual_low`, `usual_high` (percent), and the
            detector's own.
        sentence: One plain sentence, without blame.
        first_s, last_s: Unix times between which it was seen.
        scope, sources: Codes of the accounts or devices it came from; empty where a signal singles
            none out.
    """

    name: SignalName
    subject: Subject
    score: float
    grounds: frozenset[Ground]
    facts: Mapping[str, Fact]
    sentence: str
    first_s: int
    last_s: int
    scope: str = "account"
    sources: tuple[int, ...] = field(default=(), repr=False, compare=False)
    divisible: bool = False
    beyond_doubt: bool = False


def distinct(codes: NDArray[Any]) -> tuple[int, ...]:
    """Return the codes that occur, each once, without -1."""
    return tuple(int(code) for code in np.unique(codes) if code >= 0)


def percent(part: float, whole: float) -> float:
    """Return a share in percent with one decimal; 0 where the whole is 0."""
    return round(100.0 * part / whole, 1) if whole else 0.0


def moment(unix_s: int) -> str:
    """Format a Unix time for people, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M")
