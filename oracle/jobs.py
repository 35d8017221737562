"""The job queue: procrastinate on the same Postgres, so a job is written in the transaction that
needs it.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job

from embeddings.sniff import MEDIA_TYPES
from oracle.metrics import JOBS
from oracle.settings import WorkerSettings
from storage.database import Connection
from storage.errors import DatabaseUnavailable
from storage.works import analyses

log = structlog.get_logger()

TASK = "analyse"
# An analysis waits in the queue of its medium, what concerns several media in ANALYSES. Media of
# requests is fetched beside the analyses: servers are waited for, and nobody with them.
ANALYSES, FETCHES = "default", "fetch"
RESCUE_INTERVAL_S = 5.0
RELEASE_INTERVAL_S = 1.0
FINISH_S = 30.0  # what runs longer after the wish to stop is done another time
# Priorities are 32 bits: live works in their order, then historical content in its own.
LIVE_NUMBERS = 2**30


class RetryLater(Exception):
    """The job cannot continue now (a server is unreachable); it is tried again."""


class RetrySoon(RetryLater):
    """Others of its kind are at work, and one of them ends soon."""


class Backoff(BaseRetryStrategy):
    """Retry after 1, 2, 4 … 60 s, whatever the error: the job itself decides when to give up. What
    only waits for its turn is tried every second. What is to be fetched comes after all that was
    not tried yet: servers that are away or slow keep nobody else's from being asked.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        soon = isinstance(exception, RetrySoon)
        priority = job.priority
        if job.queue == FETCHES and priority > -LIVE_NUMBERS:
            priority -= LIVE_NUMBERS
        pause_s = 1 if soon else min(60, 2 ** min(job.attempts, 6))
        return RetryDecision(retry_in={"seconds": pause_s}, priority=priority)


@contextmanager
def _counted(queue: str) -> Iterator[None]:
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except RetryLater:
        outcome = "again"
        raise
    finally:
        JOBS.labels(queue, outcome).inc()


class Jobs:
    """Puts analyses into the queue."""

    def __init__(self, dsn: str) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=dsn))

    def defer(self, conn: Connection, analysis_id: UUID, *, lock: str | None = None) -> None:
        """Queue an analysis in the caller's transaction: the job exists only if that commits.

        Works are analysed in their order, whenever they are queued: the earlier one is what others
        wait for.

        Args: lock: where such a job is queued already no other is.
        """
        facts = analyses.queue_facts(conn, analysis_id)
        place = min(facts.sequence, LIVE_NUMBERS - 1)
        task = self._app.configure_task(
            TASK,
            connection=conn,
            queue=FETCHES if facts.to_fetch else facts.media_type or ANALYSES,
            priority=-place - (LIVE_NUMBERS if facts.history else 0),
            queueing_lock=lock,
        )
        task.defer(analysis_id=str(analysis_id))

    def defer_all(self, conn: Connection, due: Iterable[UUID]) -> None:
        """Queue decisions that were waiting."""
        for analysis_id in due:
            self.defer(conn, analysis_id)


def run_worker(
    dsn: str,
    analyse: Callable[[UUID], None],
    settings: WorkerSettings,
    *,
    fetch: Callable[[UUID], None] | None = None,
    release: Callable[[], None] = lambda: None,
    media: Sequence[str] = MEDIA_TYPES,
    interrupt: Callable[[], None] = lambda: None,
    wait: bool = True,
) -> None:
    """Work off the queue until SIGINT or SIGTERM; running jobs are finished first.

    Args:
        analyse: Called with an analysis id.
        fetch: Called for one whose media must be fetched first; `analyse` if not given.
        release: Called every second: takes up what has waited long enough.
        media: The media types that this worker analyses.
        interrupt: Ends what runs FINISH_S after a signal; those jobs are tried again.
        wait: False returns as soon as the queue is empty.
    Raises: DatabaseUnavailable.
    """
    asyncio.run(
        _run_worker(dsn, analyse, fetch or analyse, settings, release, media, interrupt, wait)
    )


async def _run_worker(
    dsn: str,
    analyse: Callable[[UUID], None],
    fetch: Callable[[UUID], None],
    settings: WorkerSettings,
    release: Callable[[], None],
    media: Sequence[str],
    interrupt: Callable[[], None],
    wait: bool,
) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=6))
    threads = ThreadPoolExecutor(settings.concurrency + settings.fetches + 2)
    asyncio.get_running_loop().set_default_executor(threads)

    @app.task(name=TASK, retry=Backoff(), pass_context=True)
    def run(context: JobContext, analysis_id: str) -> None:
        queue = context.job.queue
        with _counted(queue):
            (fetch if queue == FETCHES else analyse)(UUID(analysis_id))

    def lane(concurrency: int, *queues: str) -> asyncio.Task[None]:
        return asyncio.create_task(
            app.run_worker_async(
                queues=list(queues),
                wait=wait,
                install_signal_handlers=False,
                concurrency=concurrency,
                update_heartbeat_interval=settings.heartbeat_s,
                stalled_worker_timeout=settings.stalled_after_s,
                fetch_job_polling_interval=2.0,
                delete_jobs="successful",
            )
        )

    async with app.open_async():
        upkeep = [
            asyncio.create_task(_rescue_forever(app, dsn, settings)),
            asyncio.create_task(_release_forever(release)),
        ]
        try:
            if wait:
                await _run_lanes(
                    [lane(settings.concurrency, ANALYSES, *media), lane(settings.fetches, FETCHES)],
                    interrupt,
                )
            while not wait:  # the last jobs that it runs may queue others
                await lane(settings.concurrency, ANALYSES, FETCHES, *media)
                left = await app.job_manager.list_jobs_async(status="todo")
                if all(job.scheduled_at is not None for job in left):
                    break
        finally:
            for task in upkeep:
                task.cancel()


async def _run_lanes(lanes: list[asyncio.Task[None]], interrupt: Callable[[], None]) -> None:
    with _stopped_by_signals(lanes, interrupt):
        # A lane that ended alone lost the database: whoever runs this starts all anew.
        await asyncio.wait(lanes, return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes:
            lane.cancel()
        ended = await asyncio.gather(*lanes, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, ConnectorException):
            raise DatabaseUnavailable(f"The database cannot be reached: {outcome.__cause__}")
        if isinstance(outcome, Exception):
            raise outcome


@contextmanager
def _stopped_by_signals(
    lanes: list[asyncio.Task[None]], interrupt: Callable[[], None]
) -> Iterator[None]:
    """Cancel the lanes on SIGINT or SIGTERM: each finishes its running jobs first, those that take
    too long are interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread of a process can handle signals
        return

    def stop() -> None:
        for lane in lanes:
            lane.cancel()
        loop.call_later(FINISH_S, interrupt)

    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _release_forever(release: Callable[[], None]) -> None:
    while True:
        try:
            await asyncio.to_thread(release)
        except Exception as exc:  # the database may be down: the worker itself reports that
            log.warning("decisions.not_released", error=str(exc))
        await asyncio.sleep(RELEASE_INTERVAL_S)


def _rescue_abandoned(jobs: Jobs, dsn: str) -> list[UUID]:
    with psycopg.connect(dsn) as conn:
        abandoned = analyses.find_abandoned(conn)
        for analysis_id in abandoned:
            with suppress(AlreadyEnqueued), conn.transaction():
                jobs.defer(conn, analysis_id, lock=str(analysis_id))
        return abandoned


async def _rescue_forever(app: App, dsn: str, settings: WorkerSettings) -> None:
    """Requeue the jobs of dead workers, and analyses that lost their job."""
    jobs = Jobs(dsn)
    while True:
        try:
            stalled = await app.job_manager.get_stalled_jobs(
                seconds_since_heartbeat=settings.stalled_after_s
            )
            for job in stalled:
                log.warning("job.rescued", job_id=job.id, attempts=job.attempts, **job.task_kwargs)
                await app.job_manager.retry_job(job)
            for analysis_id in await asyncio.to_thread(_rescue_abandoned, jobs, dsn):
                log.warning("analysis.rescued", analysis_id=str(analysis_id))
        except Exception as exc:  # the database may be down: the worker itself reports that
            log.warning("job.rescue_failed", error=str(exc))
        await asyncio.sleep(RESCUE_INTERVAL_S)
