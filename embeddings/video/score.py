"""From matched segments to one similarity of two videos: pure rules, no pictures, no clock.

1. The *share* is the larger of matched seconds to seconds with content, of query and reference. So
a whole clip in a longer film is a copy, and so is a film of which only one scene remains.
2. With ``copy_share`` or more, over at least ``min_matched_s`` seconds, it is a copy: similarity =
0.95 + 0.05 x share of the query x share of the reference x fidelity, where fidelity (0..1) is how
fully the verified frames agree. So what is owed falls with the part that was taken and with the
part that is the poster's own.
3. With less it is a *partial match*: 0.70 rising to just under 0.95 at ``copy_share``. Five seconds
quoted in a review of ten minutes have 0.70 and little more, shown with their times, and cost
nothing.
4. A registered picture has no seconds: it is a copy where it fills ``picture_share`` of the video.
5. What could not be verified frame by frame stays under 0.70 whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass

COPY = 0.95
PARTIAL_FROM, PARTIAL_TO = 0.70, 0.9499
STILL_TO = 0.90  # one unmoving picture that two videos share, whatever its length
UNVERIFIED_TO = 0.69


@dataclass(frozen=True)
class VideoPolicy:
    """min_matched_s: seconds; a shorter work must be matched wholly. Shares in 0..1."""

    min_matched_s: float = 3.0
    copy_share: float = 0.5
    picture_share: float = 0.1


@dataclass(frozen=True)
class Extent:
    """Matched seconds and seconds with content, of query and reference.

    reference_content_s is 0 for a registered picture.
    """

    query_s: float
    query_content_s: float
    reference_s: float
    reference_content_s: float

    @property
    def query_share(self) -> float:
        return _share(self.query_s, self.query_content_s)

    @property
    def reference_share(self) -> float:
        if self.reference_content_s > 0:
            return _share(self.reference_s, self.reference_content_s)
        return 1.0 if self.query_s > 0 else 0.0


@dataclass(frozen=True)
class Score:
    """similarity: 0..1, at least 0.95 exactly where ``copy``; partial: verified, but too little."""

    similarity: float
    copy: bool
    partial: bool


def score(
    extent: Extent, *, verified: bool, likeness: float, fidelity: float, policy: VideoPolicy
) -> Score:
    """Return the similarity of two videos by the rules above.

    Args:
        verified: whether enough frame pairs were proven to show the same picture.
        likeness: 0..1, mean along the matched segments; it counts where nothing was verified.
        fidelity: 0..1, how fully the verified frames agree.
    """
    if extent.query_s <= 0.0:
        return Score(0.0, False, False)
    picture = extent.reference_content_s <= 0.0
    share = extent.query_share if picture else max(extent.query_share, extent.reference_share)
    needed = policy.picture_share if picture else policy.copy_share
    reached = min(share / needed, 1.0) if needed > 0 else 1.0
    if not verified:
        return Score(UNVERIFIED_TO * min(max(likeness, 0.0), 1.0) * reached, False, False)
    if reached >= 1.0 and _long_enough(extent, policy):
        strength = extent.query_share * extent.reference_share * min(max(fidelity, 0.0), 1.0)
        return Score(COPY + (1.0 - COPY) * strength, True, False)
    return Score(PARTIAL_FROM + (PARTIAL_TO - PARTIAL_FROM) * reached, False, True)


def _long_enough(extent: Extent, policy: VideoPolicy) -> bool:
    if extent.query_s >= policy.min_matched_s:
        return True
    # A clip of two seconds cannot match for three: nearly all of it must be matched.
    shares = [extent.query_share] + (
        [extent.reference_share] if extent.reference_content_s > 0 else []
    )
    shorter = min(
        [extent.query_content_s]
        + ([extent.reference_content_s] if extent.reference_content_s > 0 else [])
    )
    return shorter < policy.min_matched_s and max(shares) >= 0.8


def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else 0.0
