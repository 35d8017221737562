"""How often the oracle was wrong, from the steps of the public record alone. Pure.

Whoever has the record comes to the same figures: they rest on nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

GRADES = ("A", "B", "C", "D", "F")
BY = ("subject", "category", "audience", "language")
COUNTED = ("decision", "ruling", "hold", "grade")


@dataclass
class MediaFigures:
    """Works of one media type.

    Attributes:
        works: First verdicts. `verdicts`: how many of each.
        accused: Posts that were called a copy, first or later; `overturned`: those of them that are
            none in the end: false accusations.
        missed: Posts that were called no copy first, and are one in the end.
    """

    works: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    accused: int = 0
    overturned: int = 0
    missed: int = 0


@dataclass
class GroupFigures:
    """Posts of one category, creator size or language; and holds of posts or of whole accounts.

    Attributes:
        held: Holds; `wrong`: those a person found wrong; `undecided`: those nobody decided in time.
    """

    held: int = 0
    confirmed: int = 0
    wrong: int = 0
    undecided: int = 0
    grades: dict[str, int] = field(default_factory=dict)


@dataclass
class Figures:
    """The figures, and up to which step of the record they go."""

    seq: int = 0
    media: dict[str, MediaFigures] = field(default_factory=dict)
    groups: dict[str, dict[str, GroupFigures]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, and to be compared."""
        return asdict(self)


class Tally:
    """Counts steps, each once and the oldest first; those whose facts are not public are left out
    by whoever has none.
    """

    def __init__(self) -> None:
        self._seq = 0
        self._media: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._accused: set[str] = set()
        self._holds: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._grades: dict[str, Mapping[str, Any]] = {}

    def add(self, seq: int, step: str, facts: Mapping[str, Any]) -> None:
        """Count one more step: its number, name and facts."""
        if step not in COUNTED:
            return
        self._seq = seq
        if step in ("decision", "ruling") and facts.get("verdict"):
            post, verdict = str(facts["post_id"]), str(facts["verdict"])
            if step == "decision":
                self._media[post] = str(facts["media_type"])
                self._first.setdefault(post, verdict)
            self._last[post] = verdict
            if verdict == "derivative":
                self._accused.add(post)
        elif step == "hold":
            number, status = f"{facts['hold']} {facts['round']}", str(facts["status"])
            # The time of what was confirmed ends, too: that says nothing against it.
            if status != "expired" or self._holds.get(number, ("",))[0] != "upheld":
                self._holds[number] = (status, facts)
        elif step == "grade":
            self._grades[str(facts["post"])] = facts

    def figures(self) -> Figures:
        """Return the figures of what was counted so far."""
        found = Figures(seq=self._seq, groups={by: {} for by in BY})
        _count_verdicts(found, self._media, self._first, self._last, self._accused)
        _count_holds(found, self._holds)
        for facts in self._grades.values():
            for group in _groups(found, facts):
                group.grades[str(facts["grade"])] = group.grades.get(str(facts["grade"]), 0) + 1
        return found


def figures(steps: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Figures:
    """Compute the figures.

    Args: steps: number, name and facts of each step, oldest first.
    """
    tally = Tally()
    for step in steps:
        tally.add(*step)
    return tally.figures()


def _count_verdicts(
    found: Figures,
    media: Mapping[str, str],
    first: Mapping[str, str],
    last: Mapping[str, str],
    accused: set[str],
) -> None:
    counts: dict[str, Counter[str]] = {}
    for post, verdict in first.items():
        of = found.media.setdefault(media[post], MediaFigures())
        of.works += 1
        counts.setdefault(media[post], Counter())[verdict] += 1
        if post in accused:
            of.accused += 1
            of.overturned += last[post] not in ("derivative", "undecided")
            of.missed += verdict not in ("derivative", "undecided") and last[post] == "derivative"
    for name, verdicts in counts.items():
        found.media[name].verdicts = dict(sorted(verdicts.items()))


def _count_holds(found: Figures, holds: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
    ends = {"upheld": "confirmed", "reversed": "wrong", "expired": "undecided"}
    for status, facts in holds.values():
        for group in _groups(found, facts):
            group.held += 1
            if status in ends:
                setattr(group, ends[status], getattr(group, ends[status]) + 1)


def _groups(found: Figures, facts: Mapping[str, Any]) -> Iterable[GroupFigures]:
    for by in BY:
        if by in facts:
            yield found.groups[by].setdefault(str(facts[by]), GroupFigures())
