"""The job queue: procrastinate on the same Postgres, so a job is written in the transaction that
needs it.
"""

import asyncio
import threading
from collections.abc import Callable
from uuid import UUID

import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from oracle.settings import WorkerSettings
from storage.database import Connection
from storage.works import analyses

log = structlog.get_logger()

TASK = "analyse"
RESCUE_INTERVAL_S = 5.0


class RetryLater(Exception):
    """The job cannot continue now (a server is unreachable); it is tried again."""


class Backoff(BaseRetryStrategy):
    """Retry after 1, 2, 4 … 60 s, whatever the error: the job itself decides when to give up."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002
        return RetryDecision(retry_in={"seconds": min(60, 2 ** min(job.attempts, 6))})


class Jobs:
    """Puts analyses into the queue."""

    def __init__(self, dsn: str) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=dsn))

    def defer(self, conn: Connection, analysis_id: UUID) -> None:
        """Queue an analysis in the caller's transaction: the job exists only if that commits."""
        self._app.configure_task(TASK, connection=conn).defer(analysis_id=str(analysis_id))


def run_worker(
    dsn: str, analyse: Callable[[UUID], None], settings: WorkerSettings, *, wait: bool = True
) -> None:
    """Work off the queue until SIGINT or SIGTERM; running jobs are finished first.

    Args:
        analyse: Called with an analysis id.
        wait: False returns as soon as the queue is empty.
    """
    asyncio.run(_run_worker(dsn, analyse, settings, wait))


async def _run_worker(
    dsn: str, analyse: Callable[[UUID], None], settings: WorkerSettings, wait: bool
) -> None:
    app = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=4))

    @app.task(name=TASK, retry=Backoff())
    def run(analysis_id: str) -> None:
        analyse(UUID(analysis_id))

    async with app.open_async():
        rescuer = asyncio.create_task(_rescue_forever(app, dsn, settings))
        try:
            await app.run_worker_async(
                wait=wait,
                # Only the main thread of a process can handle signals.
                install_signal_handlers=threading.current_thread() is threading.main_thread(),
                concurrency=settings.concurrency,
                update_heartbeat_interval=settings.heartbeat_s,
                stalled_worker_timeout=settings.stalled_after_s,
                fetch_job_polling_interval=2.0,
                delete_jobs="successful",
            )
        finally:
            rescuer.cancel()


def _find_abandoned(dsn: str) -> list[UUID]:
    with psycopg.connect(dsn) as conn:
        return analyses.find_abandoned(conn)


async def _rescue_forever(app: App, dsn: str, settings: WorkerSettings) -> None:
    """Requeue the jobs of dead workers, and analyses that lost their job."""
    while True:
        try:
            stalled = await app.job_manager.get_stalled_jobs(
                seconds_since_heartbeat=settings.stalled_after_s
            )
            for job in stalled:
                log.warning("job.rescued", job_id=job.id, attempts=job.attempts, **job.task_kwargs)
                await app.job_manager.retry_job(job)
            for analysis_id in await asyncio.to_thread(_find_abandoned, dsn):
                log.warning("analysis.rescued", analysis_id=str(analysis_id))
                await app.configure_task(TASK, queueing_lock=str(analysis_id)).defer_async(
                    analysis_id=str(analysis_id)
                )
        except Exception as exc:  # the database may be down: the worker itself reports that
            log.warning("job.rescue_failed", error=str(exc))
        await asyncio.sleep(RESCUE_INTERVAL_S)
