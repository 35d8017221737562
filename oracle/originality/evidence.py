"""The evidence of a decision: one canonical JSON document, bound to the chain by its hash. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from embeddings.channels import ChannelState
from oracle.media.handler import Candidate, Extraction, MediaHandler
from oracle.originality.attestation import account_of
from oracle.originality.matching import VerifiedMatch
from oracle.rules.decision import Decision, SoundRule, similarity_to_bps
from oracle.rules.explain import explain
from storage.works.analyses import Analysis
from storage.works.works import Work

FORMAT = "creativity-oracle/evidence/1"


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes of a document: UTF-8 JSON, keys sorted, no spaces (RFC 8785 but for the form of
    floats).

    Raises: ValueError for NaN or infinity, TypeError for what JSON cannot hold.
    """
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(document: bytes) -> bytes:
    """SHA-256 of evidence bytes (32 bytes): the `evidenceHash` of the report on chain."""
    return hashlib.sha256(document).digest()


def of_decision(
    analysis: Analysis,
    work: Work,
    handler: MediaHandler[Any],
    extraction: Extraction,
    *,
    candidates: Sequence[Candidate],
    judged: Sequence[VerifiedMatch],
    min_share_bps: int,
    sound_rule: SoundRule | None,
    decision: Decision,
    decided_at: datetime,
) -> dict[str, Any]:
    """All that a decision rests on: enough to compute it again from the same files."""
    credited = next(
        (j for j in judged if decision.credited and j.work.id == decision.credited.work_id), None
    )
    return {
        "format": FORMAT,
        "analysis_id": str(analysis.id),
        "decided_at": timestamp(decided_at),
        "work": {
            **_work(work),
            "mime": work.mime,
            "size_bytes": work.size_bytes,
            "width": work.width,
            "height": work.height,
        },
        "notes": list(extraction.notes),
        "too_plain": extraction.too_plain,
        "policy": {
            "version": analysis.policy_version,
            "threshold_bps": analysis.threshold_bps,
            "base_redirect_bps": analysis.base_redirect_bps,
            "min_share_bps": min_share_bps,
            "sound_only": asdict(sound_rule) if sound_rule else None,
        },
        "channels": {name: channel_state(state) for name, state in handler.channels.items()},
        "model_digest": handler.model_digest.hex(),
        "certainty": handler.certainty,
        "search": {
            "registered_before": work.sequence,
            **extraction.as_json(),
            "candidates": len(candidates),
            "verified": len(judged),
        },
        "matches": sorted(
            (match_document(j) for j in judged), key=lambda m: (-m["similarity"], m["work"]["id"])
        ),
        "decision": {
            "verdict": decision.verdict.value,
            "reason": decision.reason.value,
            "similarity_bps": decision.similarity_bps,
            "tier": decision.tier.value,
            "redirect_bps": decision.redirect_bps,
            "credited": str(decision.credited.work_id) if decision.credited else None,
        },
        "explanation": explain(
            verdict=decision.verdict,
            reason=decision.reason,
            similarity_bps=decision.similarity_bps,
            threshold_bps=analysis.threshold_bps,
            redirect_bps=decision.redirect_bps,
            media_type=analysis.media_type,
            other=called(credited.work) if credited else None,
            other_creator=credited.work.creator if credited else None,
            plain_reason=extraction.too_plain,
        ),
    }


def of_failure(analysis: Analysis, code: str, detail: str, failed_at: datetime) -> dict[str, Any]:
    """What is known of an analysis that ended without a verdict."""
    return {
        "format": FORMAT,
        "analysis_id": str(analysis.id),
        "decided_at": timestamp(failed_at),
        "uri": analysis.uri,
        "error": {"code": code, "detail": detail},
    }


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat()


def channel_state(state: ChannelState) -> dict[str, Any]:
    """A channel as JSON: whether it is on, its model, and why it is off."""
    return {"on": state.on, "model": state.model_id, "reason": state.reason}


def _work(work: Work) -> dict[str, Any]:
    return {
        "id": str(work.id),
        "post_id": "0x" + work.post_id.hex(),
        "sha256": work.sha256.hex(),
        "media_type": work.media_type,
        "duration_ms": work.duration_ms,
        "creator": work.creator,
        "account": "0x" + account_of(work).hex(),
        "registration": work.sequence,
        "registered_at": timestamp(work.registered_at),
        "published_at": timestamp(work.published_at),
    }


def match_document(judged: VerifiedMatch) -> dict[str, Any]:
    """A verified candidate with everything it was judged by."""
    match, work = judged.match, judged.work
    return {
        "work": _work(work),
        **match.as_json(),
        "sound_only": match.sound_only,
        "similarity_bps": similarity_to_bps(match.similarity),
        "licensed": judged.licensed,
        "original": judged.original,
        **judged.candidate.as_json(),
    }


def called(work: Work) -> str:
    """How a work is called in sentences."""
    name = work.file_name or f"work {work.id}"
    return f"{name}, registered {work.registered_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
