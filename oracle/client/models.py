"""What the oracle answers, made from docs/openapi.json by clients/python_models.py."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class AnalysisSummary(TypedDict):
    """An analysis in a list; `links.self` has all of it."""

    analysis_id: str
    status: Literal["queued", "running", "decided", "failed"]
    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"] | None
    reason: str | None
    similarity_bps: int | None
    redirect_bps: int | None
    base_redirect_bps: int
    work_id: str | None
    post_id: str
    media_type: Literal["image", "video", "audio"]
    creator: str | None
    external_id: str | None
    request_id: str | None
    transaction: str | None
    created_at: str
    decided_at: str | None
    links: dict[str, str]


class AnalysisView(TypedDict):
    """One run of the oracle over one work."""

    analysis_id: str
    status: Literal["queued", "running", "decided", "failed"]
    progress: Progress
    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"] | None
    reason: str | None
    explanation: str | None
    similarity: float | None
    similarity_bps: int | None
    similarity_tier: Literal["high", "medium", "low"] | None
    threshold: float
    base_redirect_bps: int
    redirect_percent: float | None
    redirect_bps: int | None
    badge: bool
    in_force: VerdictInForce | None
    verdicts: list[VerdictInForce]
    pending: PendingDecision | None
    work: WorkView | None
    original: Neighbour | None
    neighbours: list[Neighbour]
    channels: dict[str, Any] | None
    certainty: str | None
    notes: list[str]
    evidence_hash: str | None
    attestation: AttestationView | None
    error: Failure | None
    created_at: str | None
    decided_at: str | None
    again_of: str | None
    second_look: str | None
    links: dict[str, str]


class AttestationView(TypedDict):
    """The record of the decision on chain."""

    status: Literal["pending", "sent", "included", "final", "refused"]
    request_id: str
    transaction: str | None
    block_number: int | None
    error_code: str | None
    error_detail: str | None


class CheckView(TypedDict):
    """What would be decided if the file were posted now."""

    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
    reason: str
    explanation: str
    similarity: float
    similarity_bps: int
    similarity_tier: Literal["high", "medium", "low"]
    threshold: float
    redirect_bps: int
    media_type: Literal["image", "video", "audio"]
    original: Neighbour | None
    neighbours: list[Neighbour]
    channels: dict[str, Any]
    certainty: str
    notes: list[str]


class Failure(TypedDict):
    """Why an analysis ended without a verdict."""

    code: str
    detail: str


class ListedCreator(TypedDict):
    """A creator in a list; `links.self` has their money and posts."""

    creator: str
    account: str
    works: int
    registered_at: str
    links: dict[str, str]


class Neighbour(TypedDict):
    """An earlier work that was compared with this one, whether or not it changed the verdict."""

    work_id: str
    post_id: str
    creator: str | None
    registered_at: str
    similarity: float
    similarity_bps: int
    verified: bool
    licensed: bool
    media_type: Literal["image", "video", "audio"]
    mirrored: bool
    query_coverage: float
    reference_coverage: float
    sound_only: bool
    segments: list[Segment]
    reason: str


class PendingDecision(TypedDict):
    """What people look into, or decided and the contract does not say yet."""

    kind: Literal["appeal", "claim", "review"]
    verdict: str | None
    opened_at: str
    decided_at: str | None
    held_on_chain: bool
    step: str | None
    error: str | None


class Progress(TypedDict):
    """How far a running analysis is."""

    stage: str
    done: int
    total: int


class Segment(TypedDict):
    """A segment of this work and the segment of the earlier one that it repeats, in seconds."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float
    mirrored: bool
    channel: Literal["picture", "sound"] | None
    score: float | None


class VerdictInForce(TypedDict):
    """What a post counts as, by whom, and where to see it."""

    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
    similarity_bps: int | None
    redirect_bps: int
    original_post_id: str | None
    since: str | None
    final_at: str | None
    decided_by: str
    reason: str | None
    transaction: str | None
    block_number: int | None


class WorkView(TypedDict):
    """A registered piece of media."""

    id: str
    post_id: str
    sha256: str
    media_type: Literal["image", "video", "audio"]
    mime: str
    size_bytes: int
    file_name: str | None
    width: int | None
    height: int | None
    duration_ms: int | None
    creator: str | None
    account: str
    registration: int
    registered_at: str
    dated_at: str
    published_at: str
    erased_at: str | None
    external_id: str | None
    title: str | None
    category: str | None
    audience: int | None
    stated_published_at: str | None
