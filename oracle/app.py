"""The HTTP application."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi_offline
import structlog
from anyio import CapacityLimiter
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from oracle import currency, logs, temporary, traces, wiring
from oracle.api import openapi, pages, problems, routes
from oracle.api.answers import Answers
from oracle.api.conventions import EXPOSED, Conventions
from oracle.api.fetching import FetchTurns
from oracle.api.measured import Measured
from oracle.api.pages.security import SecurityHeaders
from oracle.api.probe import Probe
from oracle.api.record_cache import RecordCache
from oracle.api.services import Services
from oracle.media.handler import MediaHandlers
from oracle.originality.precheck import Checker
from oracle.settings import Settings

MODELS_POLL_S = 2.0
INTAKE_THREADS = 16
FETCHES_EACH, FETCH_PATIENCE_S = 4, 20.0  # of one poster at a time; for a turn
METRICS_KEEP_S = 1.0
SWAGGER = Path(fastapi_offline.__file__).parent / "static"
log = structlog.get_logger()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The HTTP application. Without an argument the settings come from the environment.

    Raises: ConfigurationError where strangers could post without a key.
    """
    settings = settings or Settings()
    wiring.check_exposure(settings)
    currency.use(settings.pay.currency)
    logs.configure(settings)
    traces.configure("api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        temporary.sweep()
        db = wiring.open_database(settings)
        blobs = wiring.open_store(settings, db)
        current = wiring.Current(
            settings,
            lambda: wiring.make_isolated_handlers(
                settings,
                decoders=wiring.API_DECODERS,
                limit_s=wiring.API_DECODING_S,
                wait_s=wiring.API_WAIT_S,
            ),
        )
        chain = functools.cache(lambda: wiring.make_chain_client(settings))
        answers, probe, scrape = Answers(db), Probe[Any](), Probe[bytes](METRICS_KEEP_S)
        record = RecordCache()
        fetching = FetchTurns(INTAKE_THREADS, FETCHES_EACH, FETCH_PATIENCE_S)
        submitting = CapacityLimiter(INTAKE_THREADS)

        judge = wiring.make_judge(settings, db)

        def services(handlers: MediaHandlers) -> Services:
            return Services(
                settings=settings,
                db=db,
                answers=answers,
                probe=probe,
                scrape=scrape,
                record=record,
                blobs=blobs,
                intake=wiring.make_intake(db, blobs, handlers),
                checker=Checker(db, handlers, judge),
                judge=judge,
                fetcher=wiring.make_fetcher(settings),
                handlers=handlers,
                payout_asset=wiring.make_payout_asset(settings),
                fetching=fetching,
                submitting=submitting,
                chain=chain,
            )

        async def renew_models() -> None:
            while True:
                await asyncio.sleep(MODELS_POLL_S)
                try:
                    handlers = await asyncio.to_thread(current)
                except Exception:  # the models of before stay in use
                    log.exception("models.not_renewed")
                    continue
                if handlers is not app.state.services.handlers:
                    app.state.services = services(handlers)

        app.state.services = services(current())
        renewing = asyncio.create_task(renew_models())
        yield
        renewing.cancel()
        wiring.interrupt_decoders()
        db.close()

    app = FastAPI(
        title="Creativity Oracle",
        summary="Decides whether media is original, shows why, and records it on a chain.",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,  # pages.home shows it, with files of ours
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
    )
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Measured)  # within what rewrites paths: it names the route that answered
    app.add_middleware(Conventions)
    app.add_middleware(SecurityHeaders)
    if settings.http.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.http.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
            expose_headers=EXPOSED,
            max_age=600,
        )
    app.add_middleware(CorrelationIdMiddleware)  # one id in the answer and in all logs of a request
    for router in (*routes.ROUTERS, *pages.ROUTERS):
        app.include_router(router)
    app.mount("/static", StaticFiles(packages=[("oracle.api", "static")]))
    app.mount("/swagger", StaticFiles(directory=SWAGGER))
    return app
