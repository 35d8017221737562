"""The record of a decision: sentence for people, evidence with its hash, report for the chain.

Evidence names nobody: creators are numbers, works ids. Names and media stand beside it, where they
can be erased. Pure.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from embeddings.channels import ChannelState
from oracle.chain.core.report import ReportDraft
from oracle.originality.attestation import account_of, decision_report
from oracle.originality.judge import Judgement, SourceMatch, VerifiedMatch, seconds_of
from oracle.rules.decision import (
    Author,
    Match,
    Policy,
    Reason,
    SoundRule,
    Subject,
    Verdict,
    similarity_to_bps,
)
from oracle.rules.explain import explain
from oracle.rules.overlap import parts_of
from storage.works.analyses import Analysis, Conclusion, NewAnalysis
from storage.works.policies import BoundDeployment
from storage.works.works import Work

FORMAT = "creativity-oracle/evidence/2"
RULING_FORMAT = "creativity-oracle/ruling/2"


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


@dataclass(frozen=True)
class Record:
    """What is kept and said of the judgement of one analysis."""

    analysis: Analysis
    work: Work
    judgement: Judgement
    decided_at: datetime

    @cached_property
    def evidence(self) -> bytes:
        """All that the decision rests on: enough to compute it again from the same files."""
        return canonical(self._document())

    @cached_property
    def evidence_hash(self) -> bytes:
        """What binds the evidence to the chain (32 bytes)."""
        return digest(self.evidence)

    def conclusion(self) -> Conclusion:
        """What the decided analysis adds to the stored one."""
        decision, credited = self.judgement.decision, self.judgement.credited
        return Conclusion(
            verdict=decision.verdict,
            reason=decision.reason,
            similarity_bps=decision.similarity_bps,
            tier=decision.tier,
            redirect_bps=decision.redirect_bps,
            matched_work_id=credited.id if credited else None,
            evidence=self.evidence,
            evidence_hash=self.evidence_hash,
            model_digest=self.judgement.handler.model_digest,
            index_snapshot=self.work.sequence,
            decided_at=self.decided_at,
        )

    def report(self, deployment: BoundDeployment) -> ReportDraft:
        """What goes on chain: the answer to a contract's request, or an upload's attestation."""
        return decision_report(
            deployment,
            self.analysis,
            self.work,
            self.judgement.decision,
            self.judgement.credited,
            evidence_hash=self.evidence_hash,
            model_digest=self.judgement.handler.model_digest,
            index_snapshot=self.work.sequence,
        )

    def _document(self) -> dict[str, Any]:
        judgement, work = self.judgement, self.work
        handler, extraction = judgement.handler, judgement.extraction
        policy, decision = judgement.policy, judgement.decision
        return {
            "format": FORMAT,
            "analysis_id": str(self.analysis.id),
            "decided_at": timestamp(self.decided_at),
            "work": {
                **_work(work),
                "mime": work.mime,
                "size_bytes": work.size_bytes,
                "width": work.width,
                "height": work.height,
            },
            "notes": list(extraction.notes),
            "too_plain": judgement.insufficient_detail,
            "unjudged": extraction.unjudged,
            "policy": {
                "version": policy.version,
                "threshold_bps": policy.threshold_bps,
                "base_redirect_bps": policy.base_redirect_bps,
                "min_share_bps": policy.min_share_bps,
                "sound_only": asdict(policy.sound_rule) if policy.sound_rule else None,
            },
            "channels": {name: channel_state(state) for name, state in handler.channels.items()},
            "model_digest": handler.model_digest.hex(),
            "certainty": handler.certainty,
            "search": {
                "registered_before": work.sequence,
                **extraction.as_json(),
                "candidates": len(judgement.candidates),
                "verified": len(judgement.matches),
            },
            "matches": sorted(
                map(match_document, judgement.matches),
                key=lambda m: (-m["similarity"], m["work"]["id"]),
            ),
            "decision": {
                "verdict": decision.verdict.value,
                "reason": decision.reason.value,
                "similarity_bps": decision.similarity_bps,
                "tier": decision.tier.value,
                "redirect_bps": decision.redirect_bps,
                "credited": str(decision.credited.work_id) if decision.credited else None,
                "second_source": str(decision.second.work_id) if decision.second else None,
            },
        }


def failure_evidence(analysis: Analysis, code: str, detail: str, failed_at: datetime) -> bytes:
    """What is known of an analysis that ended without a verdict, as evidence bytes."""
    return canonical(
        {
            "format": FORMAT,
            "analysis_id": str(analysis.id),
            "decided_at": timestamp(failed_at),
            "uri": analysis.uri,
            "error": {"code": code, "detail": detail},
        }
    )


def ruling_evidence(
    ruling: NewAnalysis,
    before: Analysis,
    work: Work,
    conclusion: Conclusion,
    *,
    decided_by: str,
    because: str,
) -> bytes:
    """How a review of an undecided analysis ended, as evidence bytes: by whom, and why.

    The matches are those of that analysis.
    """
    document = json.loads(before.evidence) if before.evidence else {}
    return canonical(
        {
            "format": RULING_FORMAT,
            "analysis_id": str(ruling.id),
            "ends": str(before.id),
            "ends_evidence": before.evidence_hash.hex() if before.evidence_hash else None,
            "decided_at": timestamp(conclusion.decided_at),
            "decided_by": decided_by,
            "because": because,
            "work": _work(work),
            "matches": document.get("matches", []),
            "channels": document.get("channels"),
            "decision": {
                "verdict": conclusion.verdict,
                "reason": conclusion.reason,
                "similarity_bps": conclusion.similarity_bps,
                "tier": conclusion.tier,
                "redirect_bps": conclusion.redirect_bps,
                "credited": str(conclusion.matched_work_id) if conclusion.matched_work_id else None,
            },
        }
    )


CALLED = "{name}, registered {at}"
SECOND = "It has a part of another work as well ({other}), to which nothing goes."


def explanation(judgement: Judgement, say: Callable[[str], str] = str) -> str:
    """The judgement in words, of the language that `say` speaks."""
    decision, credited, second = judgement.decision, judgement.credited, judgement.second
    text = explain(
        verdict=decision.verdict,
        reason=decision.reason,
        similarity_bps=decision.similarity_bps,
        threshold_bps=judgement.policy.threshold_bps,
        redirect_bps=decision.redirect_bps,
        media_type=judgement.handler.media_type,
        other=called(credited, say) if credited else None,
        other_creator=credited.creator if credited else None,
        insufficient_detail=judgement.insufficient_detail,
        unjudged=judgement.extraction.unjudged,
        say=say,
    )
    return _with_second(text, second, say)


def _with_second(text: str, second: Work | None, say: Callable[[str], str]) -> str:
    return text if second is None else f"{text} {say(SECOND).format(other=called(second, say))}"


def named_works(analysis: Analysis) -> list[UUID]:
    """The works that a decided analysis names: its matches, and the one that it rests on."""
    matches = json.loads(analysis.evidence).get("matches", []) if analysis.evidence else []
    rests_on = [analysis.matched_work_id] if analysis.matched_work_id else []
    return [UUID(match["work"]["id"]) for match in matches] + rests_on


def explained(
    analysis: Analysis, known: Mapping[UUID, Work], say: Callable[[str], str] = str
) -> str | None:
    """A stored decision in words, with names as they are known now; None where there is none.

    Args: known: The works that it names (`named_works`). say: as in `oracle.rules.explain`.
    """
    if analysis.verdict is None or analysis.reason is None or analysis.evidence is None:
        return None
    document = json.loads(analysis.evidence)
    matched = known.get(analysis.matched_work_id) if analysis.matched_work_id else None
    second = document["decision"].get("second_source") if "decision" in document else None
    text = explain(
        verdict=Verdict(analysis.verdict),
        reason=Reason(analysis.reason),
        similarity_bps=analysis.similarity_bps or 0,
        threshold_bps=analysis.threshold_bps,
        redirect_bps=analysis.redirect_bps or 0,
        media_type=analysis.media_type,
        other=called(matched, say) if matched else None,
        other_creator=matched.creator if matched else None,
        insufficient_detail=document.get("too_plain"),
        unjudged=document.get("unjudged"),
        say=say,
    )
    return _with_second(text, known.get(UUID(second)) if second else None, say)


def recorded_case(
    analysis: Analysis, document: Mapping[str, Any]
) -> tuple[Subject, list[Match], Policy]:
    """What the rules were given: matches as the evidence has them, under the policy that is stored.

    Their creators are numbers of this oracle's.
    """
    work, rule = document["work"], document["policy"]["sound_only"]

    def author(source: Mapping[str, Any] | None) -> Author | None:
        if source is None:
            return None
        return Author(
            work_id=UUID(source["work"]["id"]),
            creator_id=source["work"]["creator"],
            sequence=source["work"]["registration"],
            similarity_bps=source["similarity_bps"],
            licensed=source["licensed"],
            erased=source["erased"],
            through_bps=source["through_bps"],
        )

    subject = Subject(
        work["creator"],
        work["registration"],
        document["too_plain"],
        document["decision"]["reason"] != "incomplete_search",
        datetime.fromisoformat(work["dated_at"]),
        document.get("unjudged"),
    )
    matches = [
        Match(
            work_id=UUID(match["work"]["id"]),
            creator_id=match["work"]["creator"],
            sequence=match["work"]["registration"],
            similarity_bps=similarity_to_bps(match["similarity"]),
            licensed=match["licensed"],
            sound_only=match.get("sound_only", False),
            proven=match["verified"],
            share_bps=similarity_to_bps(match["query_coverage"]),
            original=match["original"],
            settled=match.get("settled", False),
            dated_at=datetime.fromisoformat(match["work"]["dated_at"]),
            rival=match["rival"],
            contested=match["contested"],
            quarantined=match.get("quarantined", False),
            author=author(match.get("copy_of")),
            taken_bps=similarity_to_bps(match["reference_coverage"]),
            timed="image" not in (work["media_type"], match["work"]["media_type"]),
            sound=match.get("sound_only", False)
            or "audio" in (work["media_type"], match["work"]["media_type"]),
            earlier_is_video=match["work"]["media_type"] == "video",
            earlier_s=seconds_of(match["work"]["duration_ms"]),
            shared_bps=match.get("shared_bps", 0),
            looped=match.get("looped", False),
            part=parts_of(
                match,
                similarity_to_bps(match["query_coverage"]),
                similarity_to_bps(match["reference_coverage"]),
            )[0]
            if match["verified"]
            else None,
            exchanged=match.get("exchanged", False),
        )
        for match in document["matches"]
        if match["similarity"] > 0
    ]
    policy = Policy(
        analysis.policy_version,
        analysis.threshold_bps,
        analysis.base_redirect_bps,
        document["policy"]["min_share_bps"],
        SoundRule(**rule) if rule else None,
    )
    return subject, matches, policy


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
        "creator": work.creator_id,
        "account": "0x" + account_of(work).hex(),
        "registration": work.sequence,
        "registered_at": timestamp(work.registered_at),
        "published_at": timestamp(work.published_at),
        "dated_at": timestamp(work.dated_at),
    }


def match_document(verified: VerifiedMatch) -> dict[str, Any]:
    """A verified match with everything that it was judged by."""
    match, work = verified.match, verified.work
    return {
        "work": _work(work),
        **match.as_json(),
        "sound_only": match.sound_only,
        "similarity_bps": similarity_to_bps(match.similarity),
        "licensed": verified.licensed,
        "original": verified.original,
        "settled": verified.settled,
        "rival": verified.rival,
        "contested": verified.contested,
        "quarantined": verified.quarantined,
        "shared_bps": verified.shared_bps,
        "copy_of": _source(verified.source) if verified.source else None,
        **verified.candidate.as_json(),
    }


def _source(source: SourceMatch) -> dict[str, Any]:
    return {
        "work": _work(source.work),
        "similarity_bps": source.similarity_bps,
        "licensed": source.licensed,
        "erased": source.work.erased_at is not None,
        "through_bps": source.through_bps,
    }


def called(work: Work, say: Callable[[str], str] = str) -> str:
    """How a work is called in sentences."""
    name = work.title or work.file_name or f"work {work.id}"
    return say(CALLED).format(
        name=name, at=f"{work.registered_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
