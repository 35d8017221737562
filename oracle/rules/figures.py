"""How often the oracle was wrong, from the steps of the public record alone. Pure.

Whoever has the record comes to the same figures: they rest on nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

GRADES = ("A", "B", "C", "D", "F")
BY = ("category", "audience", "language")
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
    """Posts of one category, creator size or language.

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


def figures(steps: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Figures:
    """Compute the figures.

    Args: steps: number, name and facts of each step, oldest first; those whose facts are not public
        are left out by whoever has none.
    """
    found = Figures(groups={by: {} for by in BY})
    media, first, last, accused = dict[str, str](), dict[str, str](), dict[str, str](), set[str]()
    holds, grades = dict[str, tuple[str, Mapping[str, Any]]](), dict[str, Mapping[str, Any]]()
    for seq, step, facts in steps:
        if step not in COUNTED:
            continue
        found.seq = seq
        if step in ("decision", "ruling") and facts.get("verdict"):
            post, verdict = str(facts["post_id"]), str(facts["verdict"])
            if step == "decision":
                media[post] = str(facts["media_type"])
                first.setdefault(post, verdict)
            last[post] = verdict
            if verdict == "derivative":
                accused.add(post)
        elif step == "hold":
            number, status = f"{facts['hold']} {facts['round']}", str(facts["status"])
            # The time of what was confirmed ends, too: that says nothing against it.
            if status != "expired" or holds.get(number, ("",))[0] != "upheld":
                holds[number] = (status, facts)
        elif step == "grade":
            grades[str(facts["post"])] = facts
    _count_verdicts(found, media, first, last, accused)
    _count_holds(found, holds)
    for facts in grades.values():
        for group in _groups(found, facts):
            group.grades[str(facts["grade"])] = group.grades.get(str(facts["grade"]), 0) + 1
    return found


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
