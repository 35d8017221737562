"""Computes a decision again from stored facts, and says of every number whether it agrees."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from oracle.chain.core.receipt import Check
from oracle.media.handler import MediaHandlers
from oracle.originality import evidence
from oracle.originality.judge import Judge, insufficient_detail
from oracle.rules.decision import redirect_bps, tier_of
from storage.blobs import BlobStore
from storage.chain import outbox
from storage.database import Database
from storage.errors import NotFound
from storage.works import analyses, policies
from storage.works.analyses import Analysis
from storage.works.permissions import licensed_shares
from storage.works.works import Work, get_work


class Auditor:
    """Reads only; its checks are for people."""

    def __init__(
        self, db: Database, blobs: BlobStore, handlers: MediaHandlers, judge: Judge
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._handlers = handlers
        self._judge = judge

    def audit(self, analysis_id: UUID) -> list[Check]:
        """Every number of a decided analysis, computed again: matches, similarity, tier, verdict,
        redirect, hashes.

        Raises: NotFound for an unknown or undecided analysis; EmbeddingError, BlobError,
            DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            analysis = analyses.get(conn, analysis_id)
            if (
                analysis.status != "decided"
                or analysis.evidence is None
                or analysis.work_id is None
            ):
                raise NotFound(
                    f"The analysis {analysis_id} is {analysis.status}; there is no decision to"
                    " explain."
                )
            work = get_work(conn, analysis.work_id)
            attestation = outbox.find_attestation(conn, analysis_id)
            policy = policies.at(conn, analysis.policy_version, analysis.media_type)
        document = json.loads(analysis.evidence)
        if analysis.source == "review":
            raise NotFound(
                f"{document['decided_by']} decided this: {document['because']} There is nothing to"
                f" compute; the analysis it ends is {document['ends']}."
            )
        checks = [
            _same(
                "evidence hash", analysis.evidence_hash, evidence.digest(bytes(analysis.evidence))
            ),
            _same(
                "models",
                document["model_digest"],
                self._handlers[work.media_type].model_digest.hex(),
            ),
            _same("threshold", analysis.threshold_bps, policy.threshold_bps),
            _same("base redirect", analysis.base_redirect_bps, policy.base_redirect_bps),
        ]
        if attestation is not None:
            report = attestation.report
            checks += [
                _same(
                    "evidence hash in the report",
                    report["evidence_hash"],
                    "0x" + (analysis.evidence_hash or b"").hex(),
                ),
                _same(
                    "similarity in the report", report["similarity_bps"], analysis.similarity_bps
                ),
            ]
        checks += self._matches(work, document)
        return [*checks, *self._decision(analysis, document)]

    def _matches(self, work: Work, document: dict[str, Any]) -> list[Check]:
        """Verify every match again, from the stored file and the stored references."""
        handler = self._handlers[work.media_type]
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            path = Path(folder) / "media"
            self._blobs.fetch(work.blob_key, path)
            extraction = handler.extract(path)
        ids = [UUID(match["work"]["id"]) for match in document["matches"]]
        with self._db.transaction() as conn:
            licensed = licensed_shares(conn, work.creator_id, ids)
        checks = [
            _same(
                "insufficient detail",
                document["too_plain"],
                insufficient_detail(
                    extraction, any(match.get("same_file") for match in document["matches"])
                ),
            )
        ]
        candidates = [handler.candidate_from(match) for match in document["matches"]]
        verified = self._judge.compare(handler, extraction, candidates)
        for match, work_id in zip(document["matches"], ids, strict=True):
            name = f"match with work {str(work_id)[:8]}"
            if match.get("same_file"):
                checks.append(
                    _same(f"{name}: the same file", match["work"]["sha256"], work.sha256.hex())
                )
                continue
            if work_id not in verified:
                checks.append(Check(name, False, "the earlier work is not in the index any more"))
                continue
            checks.append(
                _same(f"{name}: similarity", match["similarity"], verified[work_id][1].similarity)
            )
            if match["licensed"] != (work_id in licensed):
                now = "there is one" if work_id in licensed else "there is none"
                checks.append(Check(f"{name}: permission", False, f"decided otherwise; now {now}"))
        return checks

    def _decision(self, analysis: Analysis, document: dict[str, Any]) -> list[Check]:
        """Apply the rules again to the matches that the evidence names, under the policy that is
        stored.
        """
        subject, matches, policy = evidence.recorded_case(analysis, document)
        decision = self._judge.decide(subject, matches, policy)
        credited = decision.credited.work_id if decision.credited else None
        redirect = redirect_bps(
            decision.similarity_bps, policy.threshold_bps, policy.base_redirect_bps
        )
        return [
            _same("similarity", analysis.similarity_bps, decision.similarity_bps),
            _same("tier", analysis.tier, tier_of(decision.similarity_bps).value),
            _same("verdict", analysis.verdict, decision.verdict.value),
            _same("reason", analysis.reason, decision.reason.value),
            _same("credited work", analysis.matched_work_id, credited),
            _same(
                "redirect",
                analysis.redirect_bps,
                redirect if decision.verdict.value == "derivative" else 0,
            ),
        ]


def agrees(checks: Sequence[Check]) -> bool:
    """Whether everything agrees."""
    return all(check.ok for check in checks)


def _same(name: str, stored: object, now: object) -> Check:
    stored, now = _shown(stored), _shown(now)
    return Check(
        name, stored == now, str(stored) if stored == now else f"stored {stored}, now {now}"
    )


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
