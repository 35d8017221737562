"""What a verification concludes: plain data, ready for JSON, self-contained enough to be judged
again years later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Polygon = tuple[tuple[float, float], ...]
Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]


@dataclass(frozen=True)
class ImageMatch:
    """How a query picture relates to one reference.

    similarity: calibrated, 0..1; at least 0.95 exactly where ``verified``.
    transform: 3x3, from query to reference proxy pixels (the mirrored query's, where ``mirrored``),
        or None.
    query_region, reference_region: the matched part, polygon corners (x, y) relative to width and
        height, 0..1, in the pictures as uploaded (the query's region is given unmirrored).
        query_coverage, reference_coverage: 0..1, share of each picture that agrees with the other.
        scores: every raw number that went in; reason: one plain sentence; calibration: version of
        the table.
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

    @property
    def sound_only(self) -> bool:
        """A picture has no sound."""
        return False

    def as_json(self) -> dict[str, Any]:
        """A dict of plain JSON types."""
        return {**asdict(self), "scores": dict(self.scores)}
