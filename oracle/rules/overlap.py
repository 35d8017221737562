"""Parts of works, and how much of one part lies in another: the composition of alignments. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from oracle.rules.numbers import BPS

Point = tuple[float, float]
Span = tuple[float, float]
# A frame of a film stands for the second around it.
HALF_FRAME_S = 0.5
NEARLY_ALL_BPS = 8_000
# From here on two parts are the same stretch.
SAME_STRETCH_BPS = 8_000


@dataclass(frozen=True)
class Part:
    """A part of a work.

    Attributes:
        region: Of a picture: the corners of a convex polygon, relative to width and height.
        spans: Of what runs in time: seconds (from, to) by channel, "picture" and "sound".
        share_bps: How much of the work's content it is.
    """

    share_bps: int
    region: tuple[Point, ...] = ()
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a work, wherever that is."""
        return not self.region and not self.spans and self.share_bps == BPS

    def as_json(self) -> dict[str, Any]:
        """As the evidence and the registry of shared sources hold it."""
        return {
            "share_bps": self.share_bps,
            "region": [list(corner) for corner in self.region],
            "spans": {name: [list(span) for span in spans] for name, spans in self.spans.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Part":
        """The part that `as_json` described."""
        return cls(
            stored["share_bps"],
            tuple((x, y) for x, y in stored["region"]),
            {
                name: tuple((start, end) for start, end in spans)
                for name, spans in stored["spans"].items()
            },
        )


WHOLE = Part(BPS)


def parts_of(match: Mapping[str, Any], share_bps: int, taken_bps: int) -> tuple[Part, Part]:
    """The parts of upload and earlier work that a match of the evidence says are the same.

    Args:
        share_bps, taken_bps: how much of either work they are.
    """
    if match.get("same_file"):
        return WHOLE, WHOLE
    if "query_region" in match:
        query = Part(share_bps, _corners(match["query_region"]))
        if "frame_ms" not in match:
            return query, Part(taken_bps, _corners(match["reference_region"]))
        at = match["frame_ms"] / 1000
        return query, Part(taken_bps, spans={"picture": ((at - HALF_FRAME_S, at + HALF_FRAME_S),)})
    here: dict[str, tuple[Span, ...]] = {}
    there: dict[str, tuple[Span, ...]] = {}
    for segment in match.get("segments") or ():
        channel = segment.get("channel", "sound")
        start, end = segment["query_start_s"], segment["query_end_s"]
        here[channel] = (*here.get(channel, ()), (start, end))
        if segment["reference_end_s"] > segment["reference_start_s"]:
            start, end = segment["reference_start_s"], segment["reference_end_s"]
            there[channel] = (*there.get(channel, ()), (start, end))
    return Part(share_bps, spans=here), Part(taken_bps, spans=there)


def _corners(region: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((x, y) for x, y in region)


def overlap_bps(part: Part, other: Part) -> int | None:
    """How much of a part of a work lies in another part of the same work.

    Returns: None where the two cannot be compared.
    """
    if other.is_whole:
        return BPS
    if part.is_whole:
        return other.share_bps
    if part.region and other.region:
        whole = _area(part.region)
        inside = _area(_clip(part.region, other.region))
        return min(BPS, round(BPS * inside / whole)) if whole > 0 else None
    if part.spans and other.spans:
        total = sum(_length(spans) for spans in part.spans.values())
        shared = sum(
            _length(_intersect(spans, other.spans.get(name, ())))
            for name, spans in part.spans.items()
        )
        return min(BPS, round(BPS * shared / total)) if total > 0 else None
    return None


def explained_bps(part: Part, other: Part) -> int | None:
    """How much of a part of an upload another earlier work explains as well.

    Of a film by its pictures: a song of one's own under stolen ones explains none of them.
    Returns: None where the two cannot be compared.
    """
    if "picture" in part.spans:
        part = replace(part, spans={"picture": part.spans["picture"]})
    return overlap_bps(part, other)


def through_copy_bps(taken: Part, links: Sequence[tuple[Part, Part] | None]) -> int | None:
    """How much of an author's work is in an upload, behind a copy of it that the upload copies.

    Args:
        taken: the part of the copy that the upload has. links: from the copy to the author, of each
            step the part of the copy and of the earlier work that are the same; None: unknown.
    Returns: of the smaller of the two parts of the copy, the share that lies in the other; None
        where the alignments cannot be put together.
    """
    if not links or any(link is None for link in links):
        return None
    (first, _), *further = [link for link in links if link is not None]
    if "picture" in taken.spans and set(first.spans) == {"sound"}:
        return 0  # the pictures are the copy's own, whatever sounds under them
    either = [
        share
        for share in (overlap_bps(taken, first), overlap_bps(first, taken))
        if share is not None
    ]
    # A copy that is the author's nearly everywhere is it in every part.
    through = max(either, default=first.share_bps if first.share_bps >= NEARLY_ALL_BPS else None)
    return through if through is None else min([through, *(here.share_bps for here, _ in further)])


def lies_in(part: Part, stretch: Part | None) -> bool:
    """Whether a part of a work lies in a stretch of it; None: all of it."""
    return stretch is None or (overlap_bps(part, stretch) or 0) >= SAME_STRETCH_BPS


@dataclass(frozen=True)
class Explained:
    """The part of an upload that an earlier work is proven to explain.

    strength: 0..1, of the part's own content how much: a drum loop under a song explains little.
    """

    part: Part
    strength: float = 1.0


def shared_bps(match: Explained, sources: Sequence[Explained]) -> int:
    """How much of what a match explains the best of some sources explains as well.

    What explains more than the source does has content of its own, in the same place: a painting
    drawn over, a song over a loop.
    """

    def from_one(source: Explained) -> int:
        common = overlap_bps(match.part, source.part) or 0
        mine, theirs = _content(match), _content(source)
        return round(common * min(1.0, theirs / mine)) if mine > 0 else 0

    return max((from_one(source) for source in sources), default=0)


def _content(explained: Explained) -> float:
    return explained.part.share_bps * explained.strength


def _length(spans: Sequence[Span]) -> float:
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _intersect(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    common = [(max(start, low), min(end, high)) for start, end in spans for low, high in others]
    return [(start, end) for start, end in common if end > start]


def _area(polygon: Sequence[Point]) -> float:
    """Half the sum of cross products: the shoelace formula."""
    following = [*polygon[1:], *polygon[:1]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, following, strict=True))) / 2


def _clip(polygon: Sequence[Point], window: Sequence[Point]) -> list[Point]:
    """The part of a convex polygon in a convex window.

    Source: Sutherland and Hodgman, "Reentrant Polygon Clipping", CACM 17 (1), 1974.
    """
    following = [*window[1:], *window[:1]]
    turn = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(window, following, strict=True))
    kept = list(polygon)
    for a, b in zip(window, following, strict=True):
        edge, kept = kept, []
        sides = [
            ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]))
            * (1 if turn > 0 else -1)
            for p in edge
        ]
        for at, point in enumerate(edge):
            before, side, last = edge[at - 1], sides[at], sides[at - 1]
            if (side >= 0) != (last >= 0):
                share = last / (last - side)
                kept.append(
                    (
                        before[0] + share * (point[0] - before[0]),
                        before[1] + share * (point[1] - before[1]),
                    )
                )
            if side >= 0:
                kept.append(point)
    return kept
