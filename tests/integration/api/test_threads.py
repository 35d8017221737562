"""Slow servers and slow files take threads of their own; a check has its limit."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.testclient import TestClient
from support.files import FileServer
from support.photos import photo
from support.platform import Platform
from support.sounds import encoded, tune
from support.waiting import wait_for

from oracle import app as app_module
from oracle import wiring
from oracle.api.services import Services
from oracle.media.isolated import IsolatedHandler
from oracle.settings import Settings
from storage.database import Database

NONE = "/v1/analyses/00000000-0000-0000-0000-000000000000"


@pytest.fixture
def narrow(client: TestClient) -> TestClient:
    """An application with one thread for what has none of its own."""

    async def leave_one() -> None:
        current_default_thread_limiter().total_tokens = 1

    assert client.portal is not None
    client.portal.call(leave_one)
    return client


def services_of(client: TestClient) -> Services:
    assert isinstance(client.app, FastAPI)
    services: Services = client.app.state.services
    return services


def answers_beside(client: TestClient, posted: Future[Any]) -> bool:
    """Whether another route answers while that request waits."""
    return client.get(NONE).status_code == 404 and not posted.done()


def test_a_server_that_hangs_takes_no_thread_of_another_route(
    narrow: TestClient, file_server: FileServer
) -> None:
    url = file_server.put_header_drip("/cat.jpg", pieces=40, pause_s=0.1)
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(narrow.post, "/v1/works", json={"uri": url})
        wait_for(lambda: file_server.requests)
        assert answers_beside(narrow, posted)
        assert posted.result().json()["code"] == "uri_unreachable"


def test_a_file_that_waits_for_a_decoder_takes_no_thread_of_another_route(
    narrow: TestClient,
) -> None:
    services = services_of(narrow)
    handler = services.handlers["image"]
    assert isinstance(handler, IsolatedHandler)
    with ThreadPoolExecutor(1) as pool:
        with ExitStack() as taken:
            for _ in range(wiring.API_DECODERS):
                taken.enter_context(handler._decoders._place())
            posted = pool.submit(narrow.post, "/upload", files={"file": photo("cat")})
            wait_for(lambda: services.submitting.borrowed_tokens == 1, timeout_s=10)
            assert answers_beside(narrow, posted)
        assert posted.result().status_code == 202


def test_a_check_that_takes_too_long_ends(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "API_DECODING_S", 0.3)
    limits = settings.limits.model_copy(update={"upload_bytes": 100_000_000})
    app = app_module.create_app(settings.model_copy(update={"limits": limits}))
    hours = encoded(tune(1, 600.0))
    with TestClient(app) as client:
        answer = client.post("/v1/check", files={"file": hours})
        assert (answer.status_code, answer.json()["code"]) == (422, "decoder_too_slow")
        assert "Post it" in answer.json()["detail"]


def test_who_names_servers_that_hang_holds_up_nobody_else(
    settings: Settings,
    db: Database,
    file_server: FileServer,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app_module, "FETCH_PATIENCE_S", 0.3)
    hanging = [
        file_server.put_header_drip(f"/{number}.jpg", pieces=80, pause_s=0.1)
        for number in range(app_module.INTAKE_THREADS)
    ]
    good = file_server.put("/cat.jpg", photo("cat"))
    slow, quick = (
        {"Authorization": f"Bearer {platform.key(name, ['upload'])}"} for name in ("slow", "quick")
    )
    with (
        TestClient(app_module.create_app(settings)) as client,
        ThreadPoolExecutor(len(hanging)) as pool,
    ):

        def post(uri: str) -> Any:
            return client.post("/v1/works", json={"uri": uri}, headers=slow)

        posted = [pool.submit(post, uri) for uri in hanging]
        wait_for(lambda: len(file_server.requests) >= app_module.FETCHES_EACH)
        other = client.post("/v1/works", params={"wait_s": 0}, json={"uri": good}, headers=quick)
        assert other.status_code == 202, other.text
        answers = [one.result() for one in posted]
    codes = Counter(answer.json()["code"] for answer in answers)
    assert codes["fetches_full"] == len(hanging) - app_module.FETCHES_EACH, codes
    full = next(answer for answer in answers if answer.json()["code"] == "fetches_full")
    assert full.status_code == 503 and int(full.headers["Retry-After"]) >= 1
