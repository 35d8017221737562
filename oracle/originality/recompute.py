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
from oracle.rules.decision import (
    Match,
    Policy,
    SoundRule,
    Subject,
    decide,
    redirect_bps,
    similarity_to_bps,
    tier_of,
)
from storage.blobs import BlobStore
from storage.chain import outbox
from storage.database import Database
from storage.errors import NotFound
from storage.works import analyses, policies
from storage.works.analyses import Analysis
from storage.works.permissions import licensed_works
from storage.works.works import Work, get_work


class Auditor:
    """Reads only; what it finds is for people."""

    def __init__(self, db: Database, blobs: BlobStore, handlers: MediaHandlers) -> None:
        self._db = db
        self._blobs = blobs
        self._handlers = handlers

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
        return [*checks, *_decision(analysis, document)]

    def _matches(self, work: Work, document: dict[str, Any]) -> list[Check]:
        """Verify every match again, from the stored file and the stored references."""
        handler = self._handlers[work.media_type]
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            path = Path(folder) / "media"
            self._blobs.fetch(work.blob_key, path)
            extraction = handler.extract(path)
        ids = [UUID(match["work"]["id"]) for match in document["matches"]]
        with self._db.transaction() as conn:
            licensed = licensed_works(conn, work.creator_id, ids)
        checks = [_same("too plain to decide", document["too_plain"], extraction.too_plain)]
        found = [handler.candidate_from(match) for match in document["matches"]]
        again = {
            one.work_id: match.similarity
            for one, match in handler.verify(self._db, extraction, found)
        }
        for match, work_id in zip(document["matches"], ids, strict=True):
            name = (
                f"match with {match['work']['creator'] or 'an unnamed creator'}'s work"
                f" {str(work_id)[:8]}"
            )
            if match.get("same_file"):
                checks.append(
                    _same(f"{name}: the same file", match["work"]["sha256"], work.sha256.hex())
                )
                continue
            if work_id not in again:
                checks.append(Check(name, False, "the earlier work is not in the index any more"))
                continue
            checks.append(_same(f"{name}: similarity", match["similarity"], again[work_id]))
            if match["licensed"] != (work_id in licensed):
                now = "there is one" if work_id in licensed else "there is none"
                checks.append(Check(f"{name}: permission", False, f"decided otherwise; now {now}"))
        return checks


def _decision(analysis: Analysis, document: dict[str, Any]) -> list[Check]:
    """Apply the rules again to the matches that the evidence names. Pure."""
    subject_work = document["work"]
    creators: dict[str, int] = {}
    subject = Subject(
        _number(creators, subject_work["creator"]),
        subject_work["registration"],
        document["too_plain"],
        document["decision"]["reason"] != "incomplete_search",
    )
    rule = document["policy"]["sound_only"]
    sound_rule = SoundRule(**rule) if rule else None
    found = [
        Match(
            UUID(match["work"]["id"]),
            _number(creators, match["work"]["creator"]),
            match["work"]["registration"],
            similarity_to_bps(match["similarity"]),
            match["licensed"],
            sound_rule if match.get("sound_only") else None,
            match["verified"],
            similarity_to_bps(match["query_coverage"]),
            match["original"],
        )
        for match in document["matches"]
        if match["similarity"] > 0
    ]
    policy = Policy(
        analysis.policy_version,
        analysis.threshold_bps,
        analysis.base_redirect_bps,
        document["policy"]["min_share_bps"],
    )
    again = decide(subject, found, policy)
    credited = again.credited.work_id if again.credited else None
    redirect = redirect_bps(again.similarity_bps, policy.threshold_bps, policy.base_redirect_bps)
    return [
        _same("similarity", analysis.similarity_bps, again.similarity_bps),
        _same("tier", analysis.tier, tier_of(again.similarity_bps).value),
        _same("verdict", analysis.verdict, again.verdict.value),
        _same("reason", analysis.reason, again.reason.value),
        _same("credited work", analysis.matched_work_id, credited),
        _same(
            "redirect",
            analysis.redirect_bps,
            redirect if again.verdict.value == "derivative" else 0,
        ),
    ]


def agrees(checks: Sequence[Check]) -> bool:
    """Whether everything agrees."""
    return all(check.ok for check in checks)


def _same(name: str, stored: object, again: object) -> Check:
    stored, again = _shown(stored), _shown(again)
    return Check(
        name, stored == again, str(stored) if stored == again else f"stored {stored}, now {again}"
    )


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _number(creators: dict[str, int], creator: str | None) -> int | None:
    return None if creator is None else creators.setdefault(creator, len(creators) + 1)
