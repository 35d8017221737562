"""The result of a verification: plain data, ready for JSON, complete enough to be judged later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Polygon = tuple[tuple[float, float], ...]
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]


@dataclass(frozen=True, kw_only=True)
class ImageMatch:
    """The relation of a query picture to one reference.

    similarity: calibrated, 0..1; at least 0.95 exactly where ``verified``.
    exchanged: so much was exchanged (words, colours) that the two may be uses of one template.
    transform: 3x3, from query to reference proxy pixels (of the mirrored query if ``mirrored``), or
    None.
    query_region, reference_region: the matched part, polygon corners (x, y) relative to width and
    height, 0..1, in the pictures as uploaded (the query's region unmirrored).
    query_coverage, reference_coverage: 0..1, share of each picture that agrees with the other.
    scores: every raw number used; reason: one plain sentence; calibration: version of the table.
    """

    similarity: float
    verified: bool
    mirrored: bool
    transform: Matrix | None
    inliers: int
    query_region: Polygon
    reference_region: Polygon
    query_coverage: float
    reference_coverage: float
    scores: Mapping[str, float]
    reason: str
    calibration: str
    exchanged: bool = False

    @property
    def looped(self) -> bool:
        """False: that is asked of films."""
        return False

    @property
    def sound_only(self) -> bool:
        """False: a picture has no sound."""
        return False

    def as_json(self) -> dict[str, Any]:
        """Return a dict of plain JSON types."""
        return {**asdict(self), "scores": dict(self.scores)}
