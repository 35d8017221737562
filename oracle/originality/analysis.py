"""The use case: one work from stored bytes to a verdict.

It runs the steps in order; no math, no SQL here.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog

from embeddings.errors import EmbeddingError, ModelUnavailable
from oracle import metrics, traces
from oracle.chain.core.report import ReportDraft
from oracle.errors import ContentHashMismatch, MediaUnreachable, OracleError, PostIdTaken
from oracle.fetch import Fetcher, FetchError
from oracle.jobs import Jobs, RetryLater
from oracle.media.handler import (
    Extraction,
    MediaHandler,
    MediaHandlers,
    Progress,
    Query,
    no_progress,
)
from oracle.originality import recall_probe, reviews
from oracle.originality.attestation import failure_report
from oracle.originality.evidence import Record, digest, failure_evidence, match_document
from oracle.originality.intake import inspect
from oracle.originality.judge import Judge, VerifiedMatch
from oracle.originality.rejudge import queue_affected, queue_younger
from oracle.originality.turns import HostTurns, KeptExtractions
from oracle.rules.decision import Verdict, similarity_to_bps
from oracle.rules.order import Arrival, block_moment, dated_at
from storage.blobs import BlobCorrupt, BlobMissing, BlobStore, BlobStoreUnavailable, blob_key
from storage.cases import appeals, claims
from storage.cases import reviews as stored_reviews
from storage.chain import kept_attestations, outbox, reanalyses
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.works import analyses, history, policies, probes, waiting, works
from storage.works.analyses import Analysis
from storage.works.works import NewWork, ReservedSequence, Work

log = structlog.get_logger()

# How long a decision waits for earlier works in all: after that the oracle says that it could not
# look at everything. Every analysis ends within its own limits, so this is for what was not
# foreseen.
EARLIER_PATIENCE = timedelta(hours=1)
PROGRESS_EVERY_S = 0.25
# Extractions of decisions that wait, kept in this process; what is not found here is read again.
MAX_KEPT = 64
# Media types that can match each other: what comes late concerns these.
RELATED = {
    "image": ("image", "video"),
    "video": ("image", "video", "audio"),
    "audio": ("video", "audio"),
}


@dataclass(frozen=True, kw_only=True)
class _Search:
    """What a search sees.

    before: works numbered below it. seen: of those that can be found the ones up to that number.
    rivals: requests that may contest this one's. complete: nothing earlier was left out. late:
    younger works were judged before this one.
    """

    before: int
    seen: int
    rivals: frozenset[UUID]
    complete: bool
    late: bool


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
        jobs: Jobs,
        *,
        max_attempts: int,
        slow_media: timedelta,
        fetches_per_host: int,
    ) -> None:
        """
        Args:
            slow_media: how long later works wait for media once its server was asked.
        """
        self._db = db
        self._blobs = blobs
        self._handlers = handlers
        self._fetcher = fetcher
        self._judge = judge
        self._jobs = jobs
        self._max_attempts = max_attempts
        self._slow_media = slow_media
        self._hosts = HostTurns(fetches_per_host)
        self._kept = KeptExtractions(MAX_KEPT)

    def analyse(self, analysis_id: UUID) -> None:
        """Run one analysis to its verdict, or to a failure that says why, or until it waits.

        A run that fails for a reason of its own, or that takes its worker down, counts; after
        `max_attempts` of those the analysis fails. What is away for every run is waited for. A
        decision that waits for an earlier work is a row: it is queued again when that can be found.

        Raises: RetryLater, DatabaseUnavailable; nothing is lost and the job is tried again.
        """
        if self._is_claim(analysis_id):
            self._check_claim(analysis_id)
            return
        with self._db.transaction() as conn:
            failures = history.begin_look(conn, analysis_id)
        if failures is not None:
            self._look_for_younger(analysis_id, failures)
            return
        self._attempt(analysis_id, self._run)

    def fetch(self, analysis_id: UUID) -> None:
        """Fetch the media of a request, and queue its analysis. Fails and raises as `analyse`."""
        self._attempt(analysis_id, lambda analysis: self._obtain_work(analysis, queue=True))

    def release_overdue(self) -> None:
        """Queue the decisions that have waited long enough. Raises: DatabaseUnavailable."""
        with self._db.transaction() as conn:
            due = waiting.release_overdue(conn, self._slow_media, EARLIER_PATIENCE)
            self._jobs.defer_all(conn, due)
        if due:
            log.info("decisions.waited_long_enough", count=len(due))

    def probe_due(self, every: timedelta = recall_probe.EVERY) -> None:
        """Probe the index, if nobody did for so long. Raises: EmbeddingError, DatabaseUnavailable.

        Another worker may do so at the same moment, which only costs time.
        """
        now = datetime.now(UTC)
        with self._db.transaction() as conn:
            last = min((each.at for each in probes.list_last(conn)), default=None)
        if last is None or now - last >= every:
            recall_probe.probe(self._db, self._handlers, now)

    def _attempt(self, analysis_id: UUID, step: Callable[[Analysis], object]) -> None:
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
                with traces.analysis(analysis_id, "work"):
                    step(analysis)
                with self._db.transaction() as conn:
                    analyses.forgive(conn, analysis_id)
            except (
                RetryLater,
                DatabaseUnavailable,
                BlobStoreUnavailable,
                ModelUnavailable,
            ) as exc:  # the work is not to blame
                with self._db.transaction() as conn:
                    analyses.forgive(conn, analysis_id)
                if isinstance(exc, RetryLater):
                    raise
                raise RetryLater(str(exc)) from exc
            except (EmbeddingError, OracleError, BlobMissing, BlobCorrupt) as exc:
                self._fail(analysis, exc.code, str(exc))
            except FetchError as exc:
                self._note_fetch_failed(analysis)
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

        It ends as an analysis does: after `max_attempts` runs that failed the answer says so.

        Raises: RetryLater, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            check, claim = claims.find_check(conn, number), appeals.get(conn, number)
            if check is None or check.checked_at is not None or claim.status != "open":
                return
            assert claim.analysis_id is not None and claim.earlier_work_id is not None
            analysis = analyses.get(conn, claim.analysis_id)
            assert analysis.work_id is not None
            work = works.get_work(conn, analysis.work_id)
            failures = claims.begin_check(conn, number)
        if failures >= self._max_attempts:
            self._record_check(
                number, None, f"The comparison was given up after it took down {failures} workers."
            )
            return
        try:
            matches = self._compare(work, claim.earlier_work_id)
        except (DatabaseUnavailable, BlobStoreUnavailable, ModelUnavailable) as exc:
            with self._db.transaction() as conn:
                claims.forgive_check(conn, number)
            raise RetryLater(str(exc)) from exc
        except (EmbeddingError, OracleError, BlobMissing, BlobCorrupt) as exc:
            self._record_check(number, None, str(exc))
            return
        except Exception as exc:
            log.exception("claim.crashed", failures=failures)
            if failures + 1 < self._max_attempts:
                raise RetryLater(str(exc)) from exc
            self._record_check(number, None, f"The comparison failed {failures + 1} times: {exc}")
            return
        found = [match for match in matches if match.work.id == claim.earlier_work_id]
        self._record_check(number, found[0] if found else None, None)

    def _look_for_younger(self, work_id: UUID, failures: int) -> None:
        """Judge again the younger copies of a work that turned out to be older. After
        `max_attempts` runs that failed they are given up.

        Raises: RetryLater, DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            work = works.get_work(conn, work_id)
        younger: Sequence[UUID] = ()
        try:
            if failures < self._max_attempts and work.erased_at is None:
                handler = self._handlers[work.media_type]
                extraction = self._extract(handler, work)
                query = Query(work.sha256, work.creator_id, work.sequence, work.post_id)
                younger = self._judge.find_younger_copies(handler, extraction, query, work)
        except (DatabaseUnavailable, BlobStoreUnavailable, ModelUnavailable) as exc:
            with self._db.transaction() as conn:
                history.forgive_look(conn, work_id)
            raise RetryLater(str(exc)) from exc
        except Exception as exc:
            log.exception("history.look_failed", work_id=str(work_id), failures=failures)
            raise RetryLater(str(exc)) from exc
        with self._db.transaction() as conn:
            queue_younger(conn, self._jobs, younger)
            history.end_look(conn, work_id)
        log.info("history.looked", work_id=str(work_id), younger=len(younger), failures=failures)

    def _compare(self, work: Work, earlier_id: UUID) -> Sequence[VerifiedMatch]:
        handler = self._handlers[work.media_type]
        extraction = self._extract(handler, work)
        with self._db.transaction() as conn:
            candidate = handler.candidate_of(conn, extraction, earlier_id)
        query = Query(work.sha256, work.creator_id, work.sequence, work.post_id)
        return self._judge.verify(handler, extraction, query, [candidate])

    def _record_check(self, number: UUID, found: VerifiedMatch | None, error: str | None) -> None:
        verified = found is not None and found.match.verified
        with self._db.transaction() as conn:
            claims.record_check(
                conn,
                number,
                similarity_bps=similarity_to_bps(found.match.similarity) if found else 0,
                verified=verified,
                match=match_document(found) if found else None,
                error=error,
            )
        log.info("claim.checked", verified=verified, error=error)

    def _run(self, analysis: Analysis) -> None:
        work = self._obtain_work(analysis)
        handler = self._handlers[work.media_type]
        with self._db.transaction() as conn:
            is_read = works.is_read(conn, work.id)
        # Before it is read again: the decision may have to wait on.
        search = self._begin_search(analysis, work) if is_read else None
        if is_read and search is None:
            return
        show = _StageReporter(lambda stage, done, total: self._stage(analysis, stage, done, total))
        extraction = self._kept.take(analysis.id) or self._extract(handler, work, show)
        if not is_read:
            self._make_visible(handler, analysis, work, extraction)
            search = self._begin_search(analysis, work)
        while search is not None:
            self._stage(analysis, "searching")
            if self._decide(handler, analysis, work, extraction, search, show):
                return
            search = self._begin_search(analysis, work)
        self._keep(analysis, work, extraction)

    def _keep(self, analysis: Analysis, work: Work, extraction: Extraction) -> None:
        if kept := self._kept.list_if_full():
            with self._db.transaction() as conn:  # those that another process decided
                for known, progress in analyses.find_progress(conn, kept).items():
                    if progress.ended:
                        self._kept.take(known)
        self._kept.keep(analysis.id, (work.dated_at, work.sequence), extraction)

    def _extract(
        self, handler: MediaHandler[Any], work: Work, show: Progress = no_progress
    ) -> Extraction:
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            path = Path(folder) / "media"
            self._blobs.fetch(work.blob_key, path)
            with metrics.stage(work.media_type, "extract"):
                extraction: Extraction = handler.extract(path, show)
            return extraction

    def _make_visible(
        self, handler: MediaHandler[Any], analysis: Analysis, work: Work, extraction: Extraction
    ) -> None:
        """Let later works find this one; the decisions that waited for it are queued with that."""
        with self._db.transaction() as conn:
            handler.make_visible(conn, work, extraction)
            due = waiting.note_read(conn, analysis.id, work, RELATED[work.media_type])
            self._jobs.defer_all(conn, due)

    def _begin_search(self, analysis: Analysis, work: Work) -> _Search | None:
        """Return what a search that begins now sees; None where the decision waits from now on, as
        a row, until everything that came first can be found.
        """
        imported = analysis.source == "index"
        with self._db.transaction() as conn:
            pending = waiting.earlier_pending(conn, work, history=imported)
            if pending:
                since = analyses.waiting_since(conn, analysis.id)
                if datetime.now(UTC) - since <= EARLIER_PATIENCE:
                    waiting.wait(conn, analysis.id, work, history=imported)
                    analyses.set_stage(conn, analysis.id, "waiting")
                    return None
            return _Search(
                before=works.search_bound(conn, work),
                seen=waiting.last_read(conn),
                rivals=self._judge.find_rivals(conn, work),
                complete=not pending,
                late=analyses.is_late(conn, analysis.id),
            )

    def _decide(
        self,
        handler: MediaHandler[Any],
        analysis: Analysis,
        work: Work,
        extraction: Extraction,
        search: _Search,
        show: Progress,
    ) -> bool:
        """Judge and write it down. Returns: False where an earlier work has come meanwhile."""
        query = Query(work.sha256, work.creator_id, search.before, work.post_id)
        judgement = self._judge.judge(
            handler,
            extraction,
            query,
            analysis.policy,
            work=work,
            search_complete=search.complete,
            progress=show,
        )
        younger = (
            self._judge.find_younger_copies(handler, extraction, query, work) if search.late else []
        )
        with metrics.stage(work.media_type, "conclude"):
            record = Record(analysis, work, judgement, datetime.now(UTC))
            return self._conclude(record, search, younger)

    def _obtain_work(self, analysis: Analysis, *, queue: bool = False) -> Work:
        if analysis.work_id is not None:
            with self._db.transaction() as conn:
                return works.get_work(conn, analysis.work_id)
        if not analysis.uri:
            raise MediaUnreachable
        with self._db.transaction() as conn:
            analyses.set_stage(conn, analysis.id, "fetching")
            # Before there is a turn: a host that is slow for others must not hold up everybody.
            waiting.note_asked(conn, analysis.id)
        with (
            self._hosts.turn(analysis.uri),
            tempfile.TemporaryDirectory(prefix="oracle-") as folder,
        ):
            path = Path(folder) / "media"
            with self._db.transaction() as conn:
                asked_at = works.clock(conn)
            with metrics.stage(analysis.media_type or "unknown", "fetch"):
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
                reserved = works.get_reserved_sequence(conn, analysis.id)
                works.add_work(
                    conn,
                    work,
                    reserved=reserved,
                    published_at=analysis.published_at,
                    dated_at=dated_at(_arrival(analysis, reserved)),
                    block_at=analysis.published_at,
                    block_number=analysis.block_number,
                    committed_at=analysis.committed_at,
                    asked_at=asked_at if _could_be_filled(analysis, reserved) else None,
                )
                analyses.attach_work(conn, analysis.id, work.id)
                waiting.note_fetched(conn, analysis.id)
                if queue:
                    self._jobs.defer(conn, analysis.id)
            return works.get_work(conn, known or work.id)

    def _note_fetch_failed(self, analysis: Analysis) -> None:
        """A request that did not name its content is dated by its media from now on."""
        with self._db.transaction() as conn:
            works.note_fetch_failed(conn, analysis.id)
            if analysis.expected_sha256 is None:
                self._jobs.defer_all(conn, waiting.forget(conn, analysis.id))

    def _conclude(self, record: Record, search: _Search, younger: Sequence[UUID]) -> bool:
        """Write the decision, and what follows from it for others, in one transaction.

        Returns: False where an earlier work, or a rival's request, came after the search began.
        """
        analysis, judgement, work = record.analysis, record.judgement, record.work
        with self._db.transaction() as conn:
            deployment = policies.find_binding(conn)
            if deployment is None:
                raise RetryLater("The node has not bound this database to a hub yet.")
            if waiting.missed_earlier(conn, work, search.seen, RELATED[work.media_type]):
                return False
            if not self._judge.find_rivals(conn, work) <= search.rivals:
                return False  # it may have been judged while this one was not decided yet
            conclusion = record.conclusion()
            if analyses.conclude(conn, analysis.id, conclusion):
                report = record.report(deployment)
                if analysis.source != "index":
                    _send(conn, analysis, report)
                    # What it names may be of a backfilled work: now it is needed there.
                    kept_attestations.post(conn, report.original_post_id)
                elif kept_attestations.keep(
                    conn,
                    analysis_id=analysis.id,
                    request_id=report.request_id,
                    report=report.to_dict(),
                ):
                    kept_attestations.post(conn, analysis.post_id)
                    kept_attestations.post(conn, report.original_post_id)
                if analysis.source == "index":
                    reanalyses.note(conn, analysis.id)
                review = stored_reviews.find_open(conn, work.id)
                if review is not None or conclusion.verdict == Verdict.UNDECIDED:
                    reviews.follow_verdict(conn, analysis, work.id, conclusion, review)
                queue_affected(conn, self._jobs, judgement, work, younger)
            self._jobs.defer_all(conn, waiting.forget(conn, analysis.id))
        metrics.VERDICTS.labels(work.media_type, judgement.decision.verdict.value).inc()
        if analysis.created_at is not None and analysis.source != "index":
            waited = datetime.now(UTC) - analysis.created_at
            metrics.VERDICT_SECONDS.labels(work.media_type).observe(waited.total_seconds())
        log.info(
            "analysis.decided",
            verdict=judgement.decision.verdict.value,
            similarity_bps=judgement.decision.similarity_bps,
            redirect_bps=judgement.decision.redirect_bps,
            candidates=len(judgement.candidates),
            verified=len(judgement.matches),
        )
        return True

    def _fail(self, analysis: Analysis, code: str, detail: str) -> None:
        """End without a verdict; a contract that asked gets an answer that says so."""
        evidence = failure_evidence(analysis, code, detail, datetime.now(UTC))
        with self._db.transaction() as conn:
            failed_now = analyses.fail(conn, analysis.id, code, detail, evidence, digest(evidence))
            self._jobs.defer_all(conn, waiting.forget(conn, analysis.id))
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


def _arrival(analysis: Analysis, reserved: ReservedSequence) -> Arrival:
    """How the work of a request came, whose media is here now.

    Its block proves nothing later than the moment in which its event was recorded.
    """
    block_at = analysis.published_at
    if block_at is not None and analysis.block_number is not None:
        block_at = block_moment(block_at, analysis.block_number)
    return Arrival(
        accepted_at=reserved.now,
        block_at=min(block_at, reserved.registered_at) if block_at else None,
        committed_at=analysis.committed_at,
        names_content=analysis.expected_sha256 is not None,
        server_failed=reserved.server_failed,
    )


def _could_be_filled(analysis: Analysis, reserved: ReservedSequence) -> bool:
    """Whether a request has its block's date for whatever its server delivers."""
    return analysis.expected_sha256 is None and not reserved.server_failed


def _send(conn: Connection, analysis: Analysis, report: ReportDraft) -> None:
    kind = "attest" if analysis.request_id is None else "fulfill"
    outbox.add(
        conn,
        analysis_id=analysis.id,
        kind=kind,
        request_id=report.request_id,
        report=report.to_dict(),
    )
