"""Drawings of a match on the analysis page: regions on pictures, segments on timelines, curves.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from embeddings.image.pairs import alignment_of

GRID = 1000  # drawings use a grid of this width, which the page stretches to fit
TIMELINE_HEIGHT = 120
BAR = 22  # height of a timeline's bar
CURVE_HEIGHT = 60
# The raw scores of the media, by their name in the evidence.
RAW = {"evidence": "weighed evidence", "picture": "likeness of the frames"}


@dataclass(frozen=True)
class Band:
    """A matched segment, from the upper timeline (this work) to the lower one (the earlier).

    Attributes:
        spans: Start and end in seconds, here and there, then speed; reversed where it is negative.
        here, there: Start and width on each timeline, in percent.
    """

    points: str
    channel: str
    sentence: str
    spans: tuple[float, ...] = ()
    here: tuple[float, float] = (0, 0)
    there: tuple[float, float] = (0, 0)


@dataclass(frozen=True)
class Cell:
    """One second of a video, in percent of its duration; `likeness` 0 to 1."""

    x: float
    width: float
    likeness: float
    caption: str


@dataclass(frozen=True)
class Curve:
    """A polyline, and what stands at the ends of its axes."""

    points: str
    first: str
    last: str
    top: str


@dataclass(frozen=True)
class FramePair:
    """Two moments that were aligned."""

    query_ms: int
    reference_ms: int
    caption: str


@dataclass(frozen=True)
class MatchDetails:
    """Drawings of one match; empty where there is nothing to draw.

    Attributes:
        regions: Points of SVG polygons by side, on a grid of 1000 x 1000.
        bands: Segments on a grid of 1000 x 120.
        curves: Named polylines on a grid of 1000 x 60, with their axes.
        reference_at_ms: The moment of the earlier work to show.
        strip: Likeness by second of a video.
        alignment: Nine numbers, row by row, that take relative coordinates of the earlier picture
            to those of this one; empty without a region on both.
        raw: What the similarity was calibrated from: its name and its value.
    """

    regions: Mapping[str, str]
    bands: Sequence[Band]
    pairs: Sequence[FramePair]
    curves: Mapping[str, Curve]
    reference_at_ms: int = 0
    strip: Sequence[Cell] = ()
    alignment: Sequence[float] = ()
    raw: tuple[str, float] | None = None


def match_details(match: Mapping[str, Any], duration_s: float) -> MatchDetails:
    """Draw a match from the evidence.

    Args:
        duration_s: Duration of this work, 0 for a picture.
    """
    sides = {"query": match.get("query_region"), "reference": match.get("reference_region")}
    other_s = (match["work"].get("duration_ms") or 0) / 1000
    segments = match.get("segments") or []
    return MatchDetails(
        regions={side: _polygon(polygon) for side, polygon in sides.items() if polygon},
        bands=[_band(segment, duration_s, other_s) for segment in segments],
        pairs=[_pair(pair) for pair in match.get("pairs") or []],
        curves={name: _curve(points) for name, points in _curves(match).items() if len(points) > 1},
        reference_at_ms=match.get("frame_ms") or 0,
        strip=_strip(match.get("seconds") or [], duration_s),
        alignment=_alignment(sides["query"] or (), sides["reference"] or ()),
        raw=_raw(match),
    )


def clock(second: float) -> str:
    """Format a time in seconds for people: 75.25 -> '1:15.3', 3 -> '0:03'."""
    tenths = round(second * 10)
    whole, tenth = divmod(tenths, 10)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{text}.{tenth}" if tenth else text


def _polygon(polygon: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{x * GRID:.0f},{y * GRID:.0f}" for x, y in polygon)


def _band(segment: Mapping[str, Any], duration_s: float, other_s: float) -> Band:
    here = [segment["query_start_s"], segment["query_end_s"]]
    there = [segment["reference_start_s"], segment["reference_end_s"]]
    # A still picture has no duration: the segment ends in its middle.
    q0, q1 = (GRID * t / duration_s if duration_s else GRID / 2 for t in here)
    r0, r1 = (GRID * t / other_s if other_s else GRID / 2 for t in there)
    if segment.get("reversed"):
        r0, r1 = r1, r0
    corners = [(q0, BAR), (q1, BAR), (r1, TIMELINE_HEIGHT - BAR), (r0, TIMELINE_HEIGHT - BAR)]
    traits = [name for name in ("mirrored", "reversed") if segment.get(name)]
    if abs(segment.get("speed", 1.0) - 1.0) > 0.005:
        traits.append(f"speed {segment['speed']:.2f}")
    channel = segment.get("channel") or "sound"
    sentence = (
        f"{channel.capitalize()}: {clock(here[0])}–{clock(here[1])} is their"
        f" {clock(there[0])}–{clock(there[1])}"
    )
    speed = float(segment.get("speed", 1.0))
    return Band(
        " ".join(f"{x:.0f},{y:.0f}" for x, y in corners),
        channel,
        ", ".join([sentence, *traits]),
        (*here, *there, -speed if segment.get("reversed") else speed),
        _span(q0, q1),
        _span(r0, r1),
    )


def _span(start: float, end: float) -> tuple[float, float]:
    """Start and width of a stretch in percent."""
    start, end = sorted((max(0.0, min(GRID, start)), max(0.0, min(GRID, end))))
    return round(start / 10, 2), round((end - start) / 10, 2)


def _strip(seconds: Sequence[Mapping[str, Any]], duration_s: float) -> list[Cell]:
    if not seconds or not duration_s:
        return []
    times = [second["query_s"] for second in seconds]
    steps = [after - before for before, after in pairwise(times) if after > before]
    width = 100 * min(steps, default=1.0) / duration_s
    return [
        Cell(
            round(100 * second["query_s"] / duration_s, 3),
            round(width, 3),
            second["likeness"],
            f"{clock(second['query_s'])}: {second['likeness']:.2f}",
        )
        for second in seconds
        if second["query_s"] <= duration_s
    ]


def _alignment(query: Sequence[Any], reference: Sequence[Any]) -> list[float]:
    found = alignment_of(np.array(query, np.float64), np.array(reference, np.float64))
    return [] if found is None else [round(float(value), 6) for value in found.ravel()]


def _raw(match: Mapping[str, Any]) -> tuple[str, float] | None:
    """What the similarity rests on before it was calibrated."""
    scores = match.get("scores") or {}
    name = next((name for name in RAW if name in scores), None)
    return (RAW[name], float(scores[name])) if name else None


def _pair(pair: Mapping[str, Any]) -> FramePair:
    caption = (
        f"{clock(pair['query_ms'] / 1000)} and {clock(pair['reference_ms'] / 1000)}:"
        f" {pair['similarity']:.2f}"
    )
    return FramePair(
        pair["query_ms"],
        pair["reference_ms"],
        caption + (", mirrored" if pair.get("mirrored") else ""),
    )


def _curves(match: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return the curves: likeness by second of a video, votes by time offset of a sound."""
    likeness = [(second["query_s"], second["likeness"]) for second in match.get("seconds") or []]
    sound = match if "histogram" in match else match.get("sound") or {}
    histogram = sound.get("histogram") or {"votes": []}
    votes = [
        (histogram["first_s"] + number * histogram["cell_s"], float(count))
        for number, count in enumerate(histogram["votes"])
    ]
    return {"Likeness, second by second": likeness, "Agreeing landmarks by time offset": votes}


def _curve(points: Sequence[tuple[float, float]]) -> Curve:
    first, last = points[0][0], points[-1][0]
    top = max(1.0, *(y for _, y in points))
    width = (last - first) or 1.0
    drawn = ((GRID * (x - first) / width, CURVE_HEIGHT * (1 - y / top)) for x, y in points)
    return Curve(
        " ".join(f"{x:.0f},{y:.1f}" for x, y in drawn), f"{first:g} s", f"{last:g} s", f"{top:g}"
    )
