"""Judge a query picture against one reference: align, compare blocks, calibrate, explain."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from embeddings.image.blocks import (
    COARSE_SIDE_PX,
    FRAME_SIDE_PX,
    MIN_AGREEING,
    BlockReport,
    compare_blocks,
    overlap_polygon,
)
from embeddings.image.calibration import Calibration, lower_bound
from embeddings.image.evidence import is_second_view, is_template, measure, weigh
from embeddings.image.exchange import measure_exchange
from embeddings.image.first_look import may_be_copy
from embeddings.image.geometry import Alignment, align, inverse, project
from embeddings.image.match import ImageMatch, Matrix, Polygon
from embeddings.image.prepared import Prepared
from embeddings.image.texture import BLOCK_PX, textured_blocks

# from this agreement on, untextured parts between the blocks count as shared too
WHOLE_REGION_SHARE = 0.8
# Of the query: a smaller part, be it proven, accuses nobody. Of collages and insets the smallest
# that was made for the tests has 0.2; a box on somebody's table has 0.05.
LEAST_COVERED = 0.06
_TOO_LITTLE = "Too little to go by: what agrees with the earlier picture is {:.1%} of this one."
# noise fails one block in twenty of a plain re-encode: this agreement counts as full
SLACK = 0.95
MIN_COMPONENT_BLOCKS = 4
VAGUE_NCC, VAGUE_SHARE = 0.5, 0.3
# of the thumbnails: below it the same frame is not worth a block comparison of 20 ms
SAME_FRAME_NCC = 0.3
NEGATIVE_NCC = -0.6  # of the thumbnails; hardly any two pictures are so much unlike


def verify_pair(
    query: Prepared, reference: Prepared, calibration: Calibration, *, first_look: bool = False
) -> ImageMatch:
    """Return the best explanation of the query by the reference, upright or mirrored, or as a
    negative that fills the same frame.

    first_look: drop the pair early where a first look finds nothing that speaks for a copy.
    """

    def is_hopeless(side: Prepared) -> bool:
        return first_look and not (
            _fills_same_frame(side, reference) or may_be_copy(side.features, reference.features)
        )

    best = None
    if not is_hopeless(query):
        best = _best_match(query, reference, calibration, mirrored=False)
    if (best is None or not best.verified) and not is_hopeless(query.mirrored):
        other = _best_match(query.mirrored, reference, calibration, mirrored=True)
        if other is not None and (best is None or other.similarity > best.similarity):
            best = other
    if best is None or not best.verified:
        negative = _as_negative(query, reference, calibration)
        best = negative if negative is not None and negative.verified else best
    return best or _no_match(calibration)


def _as_negative(
    query: Prepared, reference: Prepared, calibration: Calibration
) -> ImageMatch | None:
    """Return the match of the query's negative; looked for only where the thumbnails say so."""
    for mirrored in (False, True):
        side = query.mirrored if mirrored else query
        if float((side.thumbnail * reference.thumbnail).mean()) < NEGATIVE_NCC:
            inverted = query.negative.mirrored if mirrored else query.negative
            match = _best_match(inverted, reference, calibration, mirrored=mirrored)
            if match is not None and match.verified:
                said = f"{match.reason} It is shown as its negative."
                return replace(match, scores={**match.scores, "negative": 1.0}, reason=said)
    return None


def _fills_same_frame(query: Prepared, reference: Prepared) -> bool:
    return float((query.thumbnail * reference.thumbnail).mean()) > SAME_FRAME_NCC


def _best_match(
    query: Prepared, reference: Prepared, calibration: Calibration, *, mirrored: bool
) -> ImageMatch | None:
    same_frame = _fills_same_frame(query, reference)
    matches = []
    for alignment in align(query.features, reference.features, same_frame=same_frame):
        parallax = 0.0
        for side_px in (FRAME_SIDE_PX, COARSE_SIDE_PX):
            report = compare_blocks(query.grey, reference.grey, alignment.transform, side_px)
            if report is None:
                break
            matches.append(
                _judge(query, reference, alignment, report, calibration, mirrored, parallax)
            )
            if report.agrees.sum() >= MIN_AGREEING:
                parallax = matches[-1].scores["parallax"]
            if matches[-1].verified and not matches[-1].exchanged:
                return matches[-1]
            if "exchanged_ink" in matches[-1].scores or not _agrees_vaguely(report):
                break
    return max(
        matches,
        key=lambda match: (
            match.verified,
            not match.exchanged,
            match.similarity,
            match.scores["evidence"],
        ),
        default=None,
    )


def _agrees_vaguely(report: BlockReport) -> bool:
    """Return whether blocks agree a little nearly everywhere, as under noise or blur."""
    considered = report.inside & report.textured
    return (
        bool(considered.any()) and float((report.ncc[considered] > VAGUE_NCC).mean()) >= VAGUE_SHARE
    )


def _judge(
    query: Prepared,
    reference: Prepared,
    alignment: Alignment,
    report: BlockReport,
    calibration: Calibration,
    mirrored: bool,
    finer_parallax: float,
) -> ImageMatch:
    region = _region(query, reference, report)
    agreed, considered = _counts_within(region, report)
    share = min(1.0, agreed / considered / SLACK) if considered else 0.0
    overlap = overlap_polygon(report.transform, query.size, reference.size)
    in_query = project(inverse(report.transform), overlap) if len(overlap) else overlap
    content_share = max(_content_share(overlap, reference), _content_share(in_query, query))
    scores = measure(alignment, report, content_share, finer_parallax)
    scores["region"] = lower_bound(agreed, considered)
    evidence = weigh(scores, calibration)
    if evidence >= calibration.proven_at:
        exchange = measure_exchange(query.pixels, reference.pixels, report.transform)
        scores["exchanged_ink"], scores["exchanged_fill"] = exchange.ink, exchange.fill
        scores["foreign_sides"] = float(exchange.sides)
        evidence = weigh(scores, calibration)
    scores["evidence"] = evidence
    reference_coverage = min(1.0, _content_share(region, reference) * share)
    query_region = project(inverse(report.transform), region) if len(region) else region
    query_coverage = min(1.0, _content_share(query_region, query) * share)
    fidelity = (
        min(1.0, max(0.0, float(np.median(report.ncc[report.agrees]))) / SLACK)
        if report.agrees.any()
        else 0.0
    )
    scores["strength"] = strength = query_coverage * reference_coverage * fidelity
    too_little = evidence >= calibration.proven_at and query_coverage < LEAST_COVERED
    if too_little:
        scores["evidence"] = evidence = calibration.unproven_at
    similarity = calibration.similarity(evidence, strength)
    verified = evidence >= calibration.proven_at
    corners = _relative(query_region, query.size)
    if mirrored:
        corners = tuple((1.0 - x, y) for x, y in corners)
    return ImageMatch(
        similarity=similarity,
        verified=verified,
        exchanged=verified and is_template(scores),
        mirrored=mirrored,
        transform=_matrix(report.transform),
        inliers=alignment.inliers,
        query_region=corners,
        reference_region=_relative(region, reference.size),
        query_coverage=query_coverage,
        reference_coverage=reference_coverage,
        scores=scores,
        reason=_TOO_LITTLE.format(query_coverage)
        if too_little
        else _sentence(scores, verified, mirrored, query_coverage, reference_coverage),
        calibration=calibration.version,
    )


def _region(query: Prepared, reference: Prepared, report: BlockReport) -> NDArray[np.float64]:
    """Return the matched part, (n, 2) in reference pixels: the overlap, or the agreeing blocks'
    hull.
    """
    considered = report.inside & report.textured
    if considered.any() and report.agrees.sum() >= WHOLE_REGION_SHARE * considered.sum():
        return overlap_polygon(report.transform, query.size, reference.size)
    joined = cv2.morphologyEx(
        report.agrees.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)
    )
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    large = np.isin(
        labels,
        [i for i in range(1, len(stats)) if stats[i, cv2.CC_STAT_AREA] >= MIN_COMPONENT_BLOCKS],
    )
    y, x = np.nonzero(large & report.agrees)
    if not len(x):
        return np.zeros((0, 2))
    corners = (
        np.concatenate([np.stack([x + i, y + j], axis=1) for i in (0, 1) for j in (0, 1)])
        * report.block_px
    )
    hull = cv2.convexHull(corners.astype(np.float32)).reshape(-1, 2)
    return project(report.to_reference, hull)


def _counts_within(region: NDArray[np.float64], report: BlockReport) -> tuple[float, float]:
    """Count the agreeing and all textured blocks in the region."""
    if not len(region):
        return 0.0, 0.0
    mask = np.zeros(report.inside.shape, np.uint8)
    in_blocks = project(inverse(report.to_reference), region) / report.block_px
    cv2.fillConvexPoly(mask, np.floor(in_blocks).astype(np.int32), 1)
    considered = report.inside & report.textured & mask.astype(np.bool_)
    return float((report.agrees & considered).sum()), float(considered.sum())


def _content_share(polygon: NDArray[np.float64], picture: Prepared) -> float:
    """Return the share, 0..1, of a picture's structured blocks that lie in the polygon.

    It counts textured blocks instead of area: plain bars, a frame or the corners left by a turn are
    no added content, and a cut-off plain sky is no loss of the original.
    """
    if len(polygon) < 3:
        return 0.0
    y, x = np.nonzero(textured_blocks(picture.grey))
    if not len(x):
        return 0.0
    width, height = picture.size
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(polygon).astype(np.int32), 1)
    half = BLOCK_PX // 2
    rows, columns = (
        np.minimum(y * BLOCK_PX + half, height - 1),
        np.minimum(x * BLOCK_PX + half, width - 1),
    )
    return float(mask[rows, columns].mean())


def _relative(polygon: NDArray[np.float64], size: tuple[int, int]) -> Polygon:
    shares = (
        np.clip(polygon / np.array(size, dtype=np.float64), 0.0, 1.0) if len(polygon) else polygon
    )
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in shares)


def _matrix(transform: NDArray[np.float64]) -> Matrix:
    a, b, c = ((float(row[0]), float(row[1]), float(row[2])) for row in transform)
    return a, b, c


def _sentence(
    scores: dict[str, float],
    verified: bool,
    mirrored: bool,
    query_coverage: float,
    reference_coverage: float,
) -> str:
    blocks = f"{scores['blocks_agreeing']:.0f} of {scores['blocks']:.0f} textured blocks agree"
    if not verified and is_second_view(scores) and scores["blocks_agreeing"] >= MIN_AGREEING:
        return (
            f"Perhaps another photograph of the same scene: {blocks}, but other parts are"
            " displaced, or other things stand around."
        )
    if is_template(scores):
        changed = scores["exchanged_ink"] + scores["exchanged_fill"]
        copy = "a copy with other marks, or " if verified else ""
        return (
            f"Perhaps {copy}two uses of one template: {blocks}, but words, colours or pictures in"
            f" {changed:.1%} of what both show were exchanged."
        )
    if not verified:
        return (
            f"Not proven to be the same picture: only {blocks} when the two are laid over each"
            " other."
        )
    how = " mirrored" if mirrored else ""
    return (
        f"{reference_coverage:.0%} of the earlier picture appears{how} in {query_coverage:.0%} of"
        f" this one: {blocks} when the two are laid over each other."
    )


def _no_match(calibration: Calibration) -> ImageMatch:
    return ImageMatch(
        similarity=0.0,
        verified=False,
        mirrored=False,
        transform=None,
        inliers=0,
        query_region=(),
        reference_region=(),
        query_coverage=0.0,
        reference_coverage=0.0,
        scores={"evidence": calibration.knots[0][0]},
        reason="Nothing in the two pictures can be laid over each other.",
        calibration=calibration.version,
    )
