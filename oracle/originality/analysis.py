"""The use case: one work from stored bytes to a verdict.

It runs the steps in order; no math, no SQL here.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog

from embeddings.errors import EmbeddingError
from oracle.chain.core.report import ReportDraft
from oracle.errors import ContentHashMismatch, MediaUnreachable, OracleError, PostIdTaken
from oracle.fetch import Fetcher, FetchError
from oracle.jobs import RetryLater
from oracle.media.handler import Candidate, Extraction, MediaHandler, MediaHandlers, Query
from oracle.originality import evidence
from oracle.originality.attestation import decision_report, failure_report
from oracle.originality.intake import inspect
from oracle.originality.matching import Matcher, VerifiedMatch, as_matches
from oracle.rules.decision import Policy, SoundRule, Subject, decide
from storage.blobs import BlobCorrupt, BlobMissing, BlobStore, BlobStoreUnavailable, blob_key
from storage.chain import outbox
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.works import analyses, creators, policies, works
from storage.works.analyses import Analysis, Conclusion
from storage.works.works import NewWork, Work

log = structlog.get_logger()

# How long a job waits in place for works that came first, before it makes room for them in the
# worker ...
EARLIER_WAIT_S = 3.0
EARLIER_POLL_S = 0.05
# ... and how long in all: after that the oracle says that it could not look at everything. Every
# analysis ends within its own limits, so this is for what nobody foresaw.
EARLIER_PATIENCE = timedelta(hours=1)
OTHERS_PATIENCE = timedelta(minutes=1)
PROGRESS_EVERY_S = 0.25


class Originality:
    """Analyses works. Every step may run again after a crash: each writes once or writes the
    same.
    """

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        handlers: MediaHandlers,
        fetcher: Fetcher,
        matcher: Matcher,
        *,
        sound_ceiling_bps: int,
        min_share_bps: int,
        max_attempts: int,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._handlers = handlers
        self._fetcher = fetcher
        self._matcher = matcher
        self._sound_ceiling_bps = sound_ceiling_bps
        self._min_share_bps = min_share_bps
        self._max_attempts = max_attempts

    def analyse(self, analysis_id: UUID) -> None:
        """Run one analysis to its verdict, or to a failure that says why.

        A run that fails for a reason of its own, or that takes its worker down, counts; after
        `max_attempts` of those the analysis fails. What is away for everybody (a server, an earlier
        work) is waited for.

        Raises: RetryLater, DatabaseUnavailable; nothing is lost and the job is tried again.
        """
        with structlog.contextvars.bound_contextvars(analysis_id=str(analysis_id)):
            with self._db.transaction() as conn:
                analysis = analyses.get(conn, analysis_id)
                if analysis.status in ("decided", "failed"):
                    log.info("analysis.already_ended", status=analysis.status)
                    return
                failures = analyses.begin(conn, analysis_id)
            if failures >= self._max_attempts:
                self._fail(
                    analysis,
                    "worker_killed",
                    f"The analysis was given up after it took down {failures} workers.",
                )
                return
            last = failures + 1 >= self._max_attempts
            try:
                self._run(analysis)
            except (EmbeddingError, OracleError, BlobMissing, BlobCorrupt) as exc:
                self._fail(analysis, exc.code, str(exc))
            except FetchError as exc:
                if exc.retryable and not last:
                    raise RetryLater(str(exc)) from exc
                self._fail(analysis, exc.code, str(exc))
            except (RetryLater, DatabaseUnavailable, BlobStoreUnavailable) as exc:
                with self._db.transaction() as conn:
                    analyses.forgive(conn, analysis_id)
                raise RetryLater(str(exc)) from exc
            except Exception as exc:
                log.exception("analysis.crashed", failures=failures)
                if not last:
                    raise RetryLater(str(exc)) from exc
                self._fail(
                    analysis, "internal_error", f"The analysis failed {failures + 1} times: {exc}"
                )

    def _run(self, analysis: Analysis) -> None:
        work = self._obtain_work(analysis)
        handler = self._handlers[work.media_type]
        with self._db.transaction() as conn:
            known = works.is_visible(conn, work.id)
        # read before, and then made room for earlier ones: no need to read it again while they are
        # read
        if known:
            self._wait_for_earlier(analysis, work)
        show = _StageReporter(lambda stage, done, total: self._stage(analysis, stage, done, total))
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            path = Path(folder) / "media"
            self._blobs.fetch(work.blob_key, path)
            extraction = handler.extract(path, show)
        with self._db.transaction() as conn:
            handler.make_visible(conn, work, extraction)
        self._stage(analysis, "searching")
        complete = self._wait_for_earlier(analysis, work)
        query = Query(work.sha256, work.creator_id, work.sequence, work.post_id)
        found = self._matcher.search(handler, extraction, query)
        judged = self._matcher.verify(handler, extraction, query, found, show)
        self._conclude(analysis, work, handler, extraction, found, judged, complete)

    def _obtain_work(self, analysis: Analysis) -> Work:
        if analysis.work_id is not None:
            with self._db.transaction() as conn:
                return works.get_work(conn, analysis.work_id)
        if not analysis.uri:
            raise MediaUnreachable
        self._stage(analysis, "fetching")
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            path = Path(folder) / "media"
            fetched = self._fetcher.fetch(analysis.uri, path)
            if analysis.expected_sha256 not in (None, fetched.sha256):
                raise ContentHashMismatch
            facts = inspect(path, self._handlers, analysis.media_type)
            key = blob_key(fetched.sha256)
            self._blobs.put(path, key)
        work = NewWork(
            uuid4(),
            analysis.creator_id,
            analysis.post_id,
            facts.media_type,
            fetched.sha256,
            facts.mime,
            fetched.size_bytes,
            facts.size.width,
            facts.size.height,
            None,
            key,
            facts.size.duration_ms,
        )
        with self._db.transaction() as conn:
            # A worker taken for dead may still be at it: the first one to get here decides which
            # work it is.
            known = analyses.lock_work(conn, analysis.id)
            if known is None:
                works.lock_sequence(conn)
                if not self._blobs.exists(key):
                    raise RetryLater(
                        "The media was removed with another work of the same bytes; it is fetched"
                        " again."
                    )
                if works.post_is_taken(conn, work.post_id, work.creator_id, work.sha256):
                    raise PostIdTaken
                reserved = works.find_reserved_sequence(conn, analysis.id)
                works.add_work(conn, work, reserved=reserved, published_at=analysis.published_at)
                analyses.attach_work(conn, analysis.id, work.id)
            return works.get_work(conn, known or work.id)

    def _wait_for_earlier(self, analysis: Analysis, work: Work) -> bool:
        """Wait until everything that came first can be found. Returns: whether it can; False ends
        as undecided.

        A work of another media type is waited for a minute only: pictures must not stand in line
        behind films.

        Raises: RetryLater to leave the place in the worker to those that are waited for.
        """
        deadline = time.monotonic() + EARLIER_WAIT_S
        while True:
            with self._db.transaction() as conn:
                pending = works.earlier_works_pending(
                    conn, work.sequence, history=analysis.source == "index"
                )
            if not pending:
                return True
            if time.monotonic() > deadline:
                break
            time.sleep(EARLIER_POLL_S)
        with self._db.transaction() as conn:
            since = analyses.waiting_since(conn, analysis.id)
        waited = datetime.now(UTC) - since
        if work.media_type not in pending and waited > OTHERS_PATIENCE:
            return True
        if waited > EARLIER_PATIENCE:
            return False
        raise RetryLater("An earlier work is still being read.")

    def _conclude(
        self,
        analysis: Analysis,
        work: Work,
        handler: MediaHandler[Any],
        extraction: Extraction,
        found: Sequence[Candidate],
        judged: Sequence[VerifiedMatch],
        search_complete: bool,
    ) -> None:
        subject = Subject(work.creator_id, work.sequence, extraction.too_plain, search_complete)
        policy = Policy(
            analysis.policy_version,
            analysis.threshold_bps,
            analysis.base_redirect_bps,
            self._min_share_bps,
        )
        with self._db.transaction() as conn:
            sound_rule = sound_rule_of(
                conn, analysis.policy_version, work.media_type, self._sound_ceiling_bps
            )
        decision = decide(subject, as_matches(judged, sound_rule), policy)
        decided_at = datetime.now(UTC)
        document = evidence.canonical(
            evidence.of_decision(
                analysis,
                work,
                handler,
                extraction,
                candidates=found,
                judged=judged,
                min_share_bps=self._min_share_bps,
                sound_rule=sound_rule,
                decision=decision,
                decided_at=decided_at,
            )
        )
        credited = next(
            (
                j.work
                for j in judged
                if decision.credited and j.work.id == decision.credited.work_id
            ),
            None,
        )
        conclusion = Conclusion(
            decision.verdict,
            decision.reason,
            decision.similarity_bps,
            decision.tier,
            decision.redirect_bps,
            credited.id if credited else None,
            document,
            evidence.digest(document),
            handler.model_digest,
            work.sequence,
            decided_at,
        )
        with self._db.transaction() as conn:
            binding = policies.find_binding(conn)
            if binding is None:
                raise RetryLater("The node has not bound this database to a hub yet.")
            if analyses.conclude(conn, analysis.id, conclusion) and analysis.source != "index":
                report = decision_report(
                    binding,
                    analysis,
                    work,
                    decision,
                    credited,
                    evidence_hash=conclusion.evidence_hash,
                    model_digest=conclusion.model_digest,
                    index_snapshot=conclusion.index_snapshot,
                )
                _send(conn, analysis, report)
        log.info(
            "analysis.decided",
            verdict=decision.verdict.value,
            similarity_bps=decision.similarity_bps,
            redirect_bps=decision.redirect_bps,
            candidates=len(found),
            verified=len(judged),
        )

    def _fail(self, analysis: Analysis, code: str, detail: str) -> None:
        """End without a verdict; a contract that asked gets an answer that says so."""
        document = evidence.canonical(
            evidence.of_failure(analysis, code, detail, datetime.now(UTC))
        )
        with self._db.transaction() as conn:
            failed_now = analyses.fail(
                conn, analysis.id, code, detail, document, evidence.digest(document)
            )
            if failed_now and analysis.request_id is not None:
                account = creators.get_account(conn, analysis.creator_id)
                _send(
                    conn,
                    analysis,
                    failure_report(analysis, account, evidence_hash=evidence.digest(document)),
                )
        log.warning("analysis.failed", code=code, detail=detail)

    def _stage(self, analysis: Analysis, stage: str, done: int = 0, total: int = 1) -> None:
        with self._db.transaction() as conn:
            analyses.set_stage(conn, analysis.id, stage, done, total)


def sound_rule_of(
    conn: Connection, version: int, media_type: str, ceiling_bps: int
) -> SoundRule | None:
    """The rule for a video that shares only its sound, under a policy version; None for what is
    no video.
    """
    if media_type != "video":
        return None
    return SoundRule(policies.at(conn, version, "audio").threshold_bps, ceiling_bps)


class _StageReporter:
    """Writes progress to the database, at most a few times a second."""

    def __init__(self, write: Callable[[str, int, int], None]) -> None:
        self._write = write
        self._stage = ""
        self._next = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage or now >= self._next:
            self._stage, self._next = stage, now + PROGRESS_EVERY_S
            self._write(stage, done, total)


def _send(conn: Connection, analysis: Analysis, report: ReportDraft) -> None:
    kind = "attest" if analysis.request_id is None else "fulfill"
    outbox.add(
        conn,
        analysis_id=analysis.id,
        kind=kind,
        request_id=report.request_id,
        report=report.to_dict(),
    )
