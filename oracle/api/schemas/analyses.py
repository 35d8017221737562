"""The API's answers about works and analyses, built from stored facts."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from embeddings.sniff import MediaType
from oracle.originality.attestation import account_of
from oracle.originality.evidence import channel_state, explained, explanation, match_document
from oracle.originality.judge import Judgement
from storage.cases.rulings import Ruling, VerdictChange
from storage.chain.outbox import Attestation
from storage.works.analyses import Analysis
from storage.works.works import Work


class Progress(BaseModel):
    """How far a running analysis is."""

    stage: str = Field(examples=["verifying"])
    done: int
    total: int


class WorkView(BaseModel):
    """A registered piece of media."""

    id: UUID
    post_id: str = Field(description="32 bytes as 0x-hex: the post on chain.")
    sha256: str
    media_type: MediaType
    mime: str
    size_bytes: int
    file_name: str | None
    width: int | None
    height: int | None
    duration_ms: int | None
    creator: str | None
    account: str = Field(description="The address that is paid: a wallet, or an escrow account.")
    registration: int = Field(description="Sequence number; it decides among equal dates.")
    registered_at: datetime
    dated_at: datetime = Field(
        description="Since when it is proven to exist, which says who was first: by its acceptance,"
        " the block of its request or commitment, or a proof of publication."
    )
    published_at: datetime
    erased_at: datetime | None
    external_id: str | None = Field(description="The poster's own id of it.")
    title: str | None
    category: str | None
    audience: int | None = Field(description="Followers when it came out, as the poster says.")
    stated_published_at: datetime | None = Field(
        description="When it first came out, as the poster says; decides nothing."
    )


class ErasedView(BaseModel):
    """An erased work.

    Decisions that name it stand, and so does its record on chain.
    """

    work_id: UUID
    erased_at: datetime
    media_deleted: bool = Field(description="False where another work has the same bytes.")
    from_now_on: str = Field(
        default="Nothing is compared with it and nobody is credited with it any more. Decisions"
        " that name it stand. What comes later and matches only copies of it is undecided, until a"
        " person decides; the copyists are not credited either.",
        description="What the erasure means for later works.",
    )


class Segment(BaseModel):
    """A segment of this work and the segment of the earlier one that it repeats, in seconds."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float = 1.0
    mirrored: bool = False
    channel: Literal["picture", "sound"] | None = None
    score: float | None = None


class Neighbour(BaseModel):
    """An earlier work that was compared with this one, whether or not it changed the verdict."""

    work_id: UUID
    post_id: str
    creator: str | None
    registered_at: datetime
    similarity: float = Field(ge=0, le=1)
    similarity_bps: int
    verified: bool = Field(
        description="Whether shared content was proven; if not, this is likeness only."
    )
    licensed: bool
    media_type: MediaType
    mirrored: bool = False
    query_coverage: float = Field(description="Share of this work that the match covers.")
    reference_coverage: float = Field(description="Share of the earlier work that reappears.")
    sound_only: bool = Field(
        default=False, description="Whether a video shares nothing but its sound."
    )
    segments: list[Segment] = Field(
        default=[], description="The matched stretches on both timelines."
    )
    reason: str


class AttestationView(BaseModel):
    """The record of the decision on chain."""

    status: Literal["pending", "sent", "included", "final", "refused"]
    request_id: str
    transaction: str | None
    block_number: int | None
    error_code: str | None
    error_detail: str | None


class VerdictInForce(BaseModel):
    """What a post counts as, by whom, and where to see it."""

    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
    similarity_bps: int | None
    redirect_bps: int
    original_post_id: str | None
    since: datetime | None
    final_at: datetime | None = Field(description="From then on nobody can dispute it.")
    decided_by: str = Field(description="`oracle`, a reviewer, or `contract`: there, by others.")
    reason: str | None
    transaction: str | None
    block_number: int | None


class PendingDecision(BaseModel):
    """What people look into, or decided and the contract does not say yet."""

    kind: Literal["appeal", "claim", "review"]
    verdict: str | None = Field(description="None while nobody has decided; `kept`: it stays.")
    opened_at: datetime
    decided_at: datetime | None
    held_on_chain: bool
    step: str | None = Field(description="The call to the contract that was made last.")
    error: str | None


class Failure(BaseModel):
    """Why an analysis ended without a verdict."""

    code: str
    detail: str


class AnalysisView(BaseModel):
    """One run of the oracle over one work."""

    analysis_id: UUID
    status: Literal["queued", "running", "decided", "failed"]
    progress: Progress
    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"] | None
    reason: str | None
    explanation: str | None
    similarity: float | None = Field(description="Calibrated score of the decisive match, 0 to 1.")
    similarity_bps: int | None
    similarity_tier: Literal["high", "medium", "low"] | None = Field(
        description="Strength of the similarity alone; the verdict depends on the threshold."
    )
    threshold: float
    base_redirect_bps: int = Field(
        description="Share that a perfect copy redirects under the policy it was judged by."
    )
    redirect_percent: float | None = Field(
        description="Share of revenue that goes to the original creator."
    )
    redirect_bps: int | None
    badge: bool = Field(description="Whether the post holds the originality badge on chain.")
    in_force: VerdictInForce | None = Field(
        description="What the post counts as now; people may decide otherwise than the oracle."
    )
    verdicts: list[VerdictInForce] = Field(
        default=[], description="Every verdict on the post in order; the last one is in force."
    )
    pending: PendingDecision | None = None
    work: WorkView | None
    original: Neighbour | None = Field(description="The earlier work the verdict rests on.")
    neighbours: list[Neighbour] = Field(description="Nearest earlier works, also for an original.")
    channels: dict[str, Any] | None = Field(
        description="The channels compared, and which were off and why."
    )
    certainty: str | None = Field(
        default=None,
        description="What a similarity at the threshold stands for: the measured rate of false"
        " matches.",
    )
    notes: list[str] = []
    evidence_hash: str | None
    attestation: AttestationView | None
    error: Failure | None
    created_at: datetime | None
    decided_at: datetime | None
    again_of: UUID | None = Field(description="The analysis that this one looks at a second time.")
    reanalysis: UUID | None = Field(
        serialization_alias="second_look", description="The re-analysis that repeats this one."
    )
    links: dict[str, str]


class CheckView(BaseModel):
    """What would be decided if the file were posted now."""

    verdict: Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
    reason: str
    explanation: str
    similarity: float
    similarity_bps: int
    similarity_tier: Literal["high", "medium", "low"]
    threshold: float
    redirect_bps: int
    media_type: MediaType
    original: Neighbour | None = Field(description="The earlier work that would be credited.")
    neighbours: list[Neighbour]
    channels: dict[str, Any]
    certainty: str
    notes: list[str]


def work_view(work: Work) -> WorkView:
    """Build the API's view of a stored work."""
    return WorkView(
        id=work.id,
        post_id="0x" + work.post_id.hex(),
        sha256=work.sha256.hex(),
        media_type=work.media_type,  # type: ignore[arg-type]
        mime=work.mime,
        size_bytes=work.size_bytes,
        file_name=work.file_name,
        width=work.width,
        height=work.height,
        duration_ms=work.duration_ms,
        creator=work.creator,
        account="0x" + account_of(work).hex(),
        registration=work.sequence,
        registered_at=work.registered_at,
        dated_at=work.dated_at,
        published_at=work.published_at,
        erased_at=work.erased_at,
        external_id=work.external_id,
        title=work.title,
        category=work.category,
        audience=work.audience,
        stated_published_at=work.stated_published_at,
    )


def analysis_view(
    analysis: Analysis,
    work: Work | None,
    attestation: Attestation | None,
    reanalysis: UUID | None = None,
    *,
    matched: Mapping[UUID, Work],
    review: UUID | None = None,
    verdicts: Sequence[VerdictInForce] = (),
    pending: PendingDecision | None = None,
    say: Callable[[str], str] = str,
) -> AnalysisView:
    """Build the API's view of an analysis; matches and channels come from its evidence, names do
    not.

    Args:
        matched: The works that its evidence names (`named_works`).
        verdicts: Those on its post by people, the oldest first.
        say: What a sentence is in the language of who looks; programs read English.
    """
    evidence = json.loads(analysis.evidence) if analysis.evidence else {}
    neighbours = [neighbour(match, matched) for match in evidence.get("matches", [])]
    on_chain = attestation is not None and attestation.status in ("included", "final")
    path = f"/v1/analyses/{analysis.id}"
    history = [*([own] if (own := _own_verdict(analysis, attestation)) else []), *verdicts]
    in_force = history[-1] if history else None
    return AnalysisView(
        analysis_id=analysis.id,
        status=analysis.status,  # type: ignore[arg-type]
        progress=Progress(
            stage=analysis.stage, done=analysis.stage_done, total=analysis.stage_total
        ),
        verdict=analysis.verdict,  # type: ignore[arg-type]
        reason=analysis.reason,
        explanation=explained(analysis, matched, say),
        similarity=None if analysis.similarity_bps is None else analysis.similarity_bps / 10_000,
        similarity_bps=analysis.similarity_bps,
        similarity_tier=analysis.tier,  # type: ignore[arg-type]
        threshold=analysis.threshold_bps / 10_000,
        base_redirect_bps=analysis.base_redirect_bps,
        redirect_percent=None if analysis.redirect_bps is None else analysis.redirect_bps / 100,
        redirect_bps=analysis.redirect_bps,
        badge=in_force is not None
        and in_force.verdict == "original"
        and on_chain
        and (bool(verdicts) or analysis.reason != "shared_source"),
        in_force=in_force,
        verdicts=history,
        pending=pending,
        work=work_view(work) if work else None,
        original=next((n for n in neighbours if n.work_id == analysis.matched_work_id), None)
        if analysis.verdict != "original"
        else None,
        neighbours=neighbours,
        channels=evidence.get("channels"),
        certainty=evidence.get("certainty"),
        notes=evidence.get("notes", []),
        evidence_hash="0x" + analysis.evidence_hash.hex() if analysis.evidence_hash else None,
        attestation=_attestation(attestation) if attestation else None,
        error=Failure(code=analysis.error_code, detail=analysis.error_detail or "")
        if analysis.error_code
        else None,
        created_at=analysis.created_at,
        decided_at=analysis.decided_at,
        again_of=analysis.reanalysis_of,
        reanalysis=reanalysis,
        links={
            "self": path,
            "evidence": f"{path}/evidence",
            "receipt": f"{path}/receipt",
            "events": f"{path}/events",
            "page": f"/analyses/{analysis.id}",
            **({"review": f"/v1/reviews/{review}"} if review else {}),
        },
    )


def _own_verdict(analysis: Analysis, attestation: Attestation | None) -> VerdictInForce | None:
    if analysis.verdict is None:
        return None
    tx_hash = attestation.tx_hash if attestation else None
    return VerdictInForce(
        verdict=analysis.verdict,  # type: ignore[arg-type]
        similarity_bps=analysis.similarity_bps,
        redirect_bps=analysis.redirect_bps or 0,
        original_post_id=None,
        since=analysis.decided_at,
        final_at=None,
        decided_by="oracle",
        reason=analysis.reason,
        transaction="0x" + tx_hash.hex() if tx_hash else None,
        block_number=attestation.block_number if attestation else None,
    )


def changed_verdict(change: VerdictChange, ruling: Ruling | None) -> VerdictInForce:
    """Build the API's view of a verdict that people gave."""
    original = change.original_post_id
    return VerdictInForce(
        verdict=change.verdict,  # type: ignore[arg-type]
        similarity_bps=change.similarity_bps,
        redirect_bps=change.redirect_bps,
        original_post_id="0x" + original.hex() if original else None,
        since=change.at,
        final_at=change.final_at,
        decided_by=(ruling.decided_by if ruling else None) or "contract",
        reason=ruling.reason if ruling else None,
        transaction="0x" + change.tx_hash.hex() if change.tx_hash else None,
        block_number=change.block_number,
    )


def pending_decision(ruling: Ruling) -> PendingDecision:
    """Build the API's view of what people look into."""
    return PendingDecision(
        kind=ruling.kind,  # type: ignore[arg-type]
        verdict=ruling.verdict,
        opened_at=ruling.opened_at,
        decided_at=ruling.decided_at,
        held_on_chain=ruling.claim_open or ruling.correction_id is not None,
        step=ruling.step,
        error=ruling.error,
    )


def check_view(judgement: Judgement, say: Callable[[str], str] = str) -> CheckView:
    """Build the API's view of a check; matches most similar first. `say`: as in `analysis_view`."""
    decision, handler = judgement.decision, judgement.handler
    ranked = sorted(judgement.matches, key=lambda match: -match.match.similarity)
    neighbours = [neighbour(match_document(match), {match.work.id: match.work}) for match in ranked]
    credited = decision.credited.work_id if decision.credited else None
    return CheckView(
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        explanation=explanation(judgement, say),
        similarity=decision.similarity_bps / 10_000,
        similarity_bps=decision.similarity_bps,
        similarity_tier=decision.tier.value,
        threshold=judgement.policy.threshold_bps / 10_000,
        redirect_bps=decision.redirect_bps,
        media_type=handler.media_type,  # type: ignore[arg-type]
        original=next((n for n in neighbours if n.work_id == credited), None)
        if decision.verdict.value != "original"
        else None,
        neighbours=neighbours,
        channels={name: channel_state(state) for name, state in handler.channels.items()},
        certainty=handler.certainty,
        notes=list(judgement.extraction.notes),
    )


def neighbour(match: dict[str, Any], known: Mapping[UUID, Work]) -> Neighbour:
    """Build the API's view of a match in the evidence, with its creator's name."""
    work = match["work"]
    named = known.get(UUID(work["id"]))
    return Neighbour(
        work_id=work["id"],
        post_id=work["post_id"],
        media_type=work["media_type"],
        creator=named.creator if named else None,
        registered_at=work["registered_at"],
        **{
            name: match[name]
            for name in (
                "similarity",
                "similarity_bps",
                "verified",
                "licensed",
                "mirrored",
                "query_coverage",
                "reference_coverage",
                "sound_only",
                "segments",
                "reason",
            )
            if name in match
        },
    )


def _attestation(attestation: Attestation) -> AttestationView:
    return AttestationView(
        status=attestation.status,  # type: ignore[arg-type]
        request_id="0x" + attestation.request_id.hex(),
        transaction="0x" + attestation.tx_hash.hex() if attestation.tx_hash else None,
        block_number=attestation.block_number,
        error_code=attestation.error_code,
        error_detail=attestation.error_detail,
    )
