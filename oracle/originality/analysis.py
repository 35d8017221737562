"""The use case: one work from stored bytes to a verdict.

It runs the steps in order; no math, no SQL here.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from embeddings.errors import EmbeddingError, ModelUnavailable
from oracle.chain.core.report import ReportDraft
from oracle.errors import ContentHashMismatch, MediaUnreachable, OracleError, PostIdTaken
from oracle.fetch import Fetcher, FetchError
from oracle.jobs import RetryLater
from oracle.media.handler import MediaHandlers, Query
from oracle.originality import reviews
from oracle.originality.attestation import failure_report
from oracle.originality.evidence import Record, digest, failure_evidence, match_document
from oracle.originality.intake import inspect
from oracle.originality.judge import Judge
from oracle.rules.decision import Verdict, similarity_to_bps
from storage.blobs import BlobCorrupt, BlobMissing, BlobStore, BlobStoreUnavailable, blob_key
from storage.cases import appeals, claims
from storage.cases import reviews as stored_reviews
from storage.chain import outbox
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.works import analyses, policies, works
from storage.works.analyses import Analysis
from storage.works.works import NewWork, Work

log = structlog.get_logger()

# How long a job waits in place for works that came first, before it makes room for them in the
# worker ...
EARLIER_WAIT_S = 3.0
EARLIER_POLL_S = 0.05
# ... and how long in all: after that the oracle says that it could not look at everything. Every
# analysis ends within its own limits, so this is for what was not foreseen.
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
        judge: Judge,
        *,
        max_attempts: int,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._handlers = handlers
        self._fetcher = fetcher
        self._judge = judge
        self._max_attempts = max_attempts

    def analyse(self, analysis_id: UUID) -> None:
        """Run one analysis to its verdict, or to a failure that says why.

        A run that fails for a reason of its own, or that takes its worker down, counts; after
        `max_attempts` of those the analysis fails. What is away for every run (a server, an earlier
        work) is waited for.

        Raises: RetryLater, DatabaseUnavailable; nothing is lost and the job is tried again.
        """
        with structlog.contextvars.bound_contextvars(analysis_id=str(analysis_id)):
            if self._is_claim(analysis_id):
                self._check_claim(analysis_id)
                return
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
            except (
                RetryLater,
                DatabaseUnavailable,
                BlobStoreUnavailable,
                ModelUnavailable,
            ) as exc:  # the work is not to blame
                with self._db.transaction() as conn:
                    analyses.forgive(conn, analysis_id)
                raise RetryLater(str(exc)) from exc
            except (EmbeddingError, OracleError, BlobMissing, BlobCorrupt) as exc:
                self._fail(analysis, exc.code, str(exc))
            except FetchError as exc:
                if exc.retryable and not last:
                    raise RetryLater(str(exc)) from exc
                self._fail(analysis, exc.code, str(exc))
            except Exception as exc:
                log.exception("analysis.crashed", failures=failures)
                if not last:
                    raise RetryLater(str(exc)) from exc
                self._fail(
                    analysis, "internal_error", f"The analysis failed {failures + 1} times: {exc}"
                )

    def _is_claim(self, number: UUID) -> bool:
        with self._db.transaction() as conn:
            return claims.find_check(conn, number) is not None

    def _check_claim(self, number: UUID) -> None:
        """Compare the two works of a claim, with all their features; a person reads the answer.

        Raises: RetryLater, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            check, claim = claims.find_check(conn, number), appeals.get(conn, number)
            assert claim.analysis_id is not None
            analysis = analyses.get(conn, claim.analysis_id)
            assert analysis.work_id is not None
            work = works.get_work(conn, analysis.work_id)
        if check is None or check.checked_at is not None:
            return
        handler = self._handlers[work.media_type]
        try:
            with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
                path = Path(folder) / "media"
                self._blobs.fetch(work.blob_key, path)
                extraction = handler.extract(path)
            candidate = handler.candidate_from({"work": {"id": str(claim.earlier_work_id)}})
            matches = self._judge.verify(
                handler,
                extraction,
                Query(work.sha256, work.creator_id, work.sequence, work.post_id),
                [candidate],
            )
        except (DatabaseUnavailable, BlobStoreUnavailable, ModelUnavailable) as exc:
            raise RetryLater(str(exc)) from exc
        except (EmbeddingError, OracleError, BlobMissing, BlobCorrupt) as exc:
            with self._db.transaction() as conn:
                claims.record_check(
                    conn, number, similarity_bps=0, verified=False, match=None, error=str(exc)
                )
            return
        found = [match for match in matches if match.work.id == claim.earlier_work_id]
        with self._db.transaction() as conn:
            claims.record_check(
                conn,
                number,
                similarity_bps=similarity_to_bps(found[0].match.similarity) if found else 0,
                verified=bool(found) and found[0].match.verified,
                match=match_document(found[0]) if found else None,
                error=None,
            )
        log.info("claim.checked", verified=bool(found) and found[0].match.verified)

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
        judgement = self._judge.judge(
            handler,
            extraction,
            Query(work.sha256, work.creator_id, work.sequence, work.post_id),
            analysis.policy,
            search_complete=complete,
            progress=show,
        )
        self._conclude(Record(analysis, work, judgement, datetime.now(UTC)))

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
            id=uuid4(),
            creator_id=analysis.creator_id,
            post_id=analysis.post_id,
            media_type=facts.media_type,
            sha256=fetched.sha256,
            mime=facts.mime,
            size_bytes=fetched.size_bytes,
            width=facts.size.width,
            height=facts.size.height,
            file_name=None,
            blob_key=key,
            duration_ms=facts.size.duration_ms,
            account=analysis.account,
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

        Raises: RetryLater to make room in the worker for those that are waited for.
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

    def _conclude(self, record: Record) -> None:
        analysis, judgement = record.analysis, record.judgement
        with self._db.transaction() as conn:
            deployment = policies.find_binding(conn)
            if deployment is None:
                raise RetryLater("The node has not bound this database to a hub yet.")
            conclusion = record.conclusion()
            if analyses.conclude(conn, analysis.id, conclusion):
                if analysis.source != "index":
                    _send(conn, analysis, record.report(deployment))
                review = stored_reviews.find_open(conn, record.work.id)
                if review is not None or conclusion.verdict == Verdict.UNDECIDED:
                    reviews.follow_verdict(conn, analysis, record.work.id, conclusion, review)
        log.info(
            "analysis.decided",
            verdict=judgement.decision.verdict.value,
            similarity_bps=judgement.decision.similarity_bps,
            redirect_bps=judgement.decision.redirect_bps,
            candidates=len(judgement.candidates),
            verified=len(judgement.matches),
        )

    def _fail(self, analysis: Analysis, code: str, detail: str) -> None:
        """End without a verdict; a contract that asked gets an answer that says so."""
        evidence = failure_evidence(analysis, code, detail, datetime.now(UTC))
        with self._db.transaction() as conn:
            failed_now = analyses.fail(conn, analysis.id, code, detail, evidence, digest(evidence))
            if failed_now and analysis.request_id is not None:
                _send(
                    conn,
                    analysis,
                    failure_report(analysis, code=code, evidence_hash=digest(evidence)),
                )
        log.warning("analysis.failed", code=code, detail=detail)

    def _stage(self, analysis: Analysis, stage: str, done: int = 0, total: int = 1) -> None:
        with self._db.transaction() as conn:
            analyses.set_stage(conn, analysis.id, stage, done, total)


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
