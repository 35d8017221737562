"""The oracle on a real database with real pictures, without a chain: jobs run when a test says
so.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from oracle import app as app_module
from oracle import wiring
from oracle.jobs import run_worker
from oracle.settings import Settings
from storage.database import Database
from storage.works import policies
from storage.works.policies import BoundDeployment, Policy

HUB = bytes.fromhex("11" * 20)
CHAIN_ID = 31_337

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(database_dsn: str, tmp_path: Path) -> Settings:
    """Settings of a small oracle whose policy was read from a chain."""
    return Settings(
        data_dir=tmp_path,
        database_url=database_dsn,
        limits={"upload_bytes": 2_000_000, "pixels": 20_000_000},
        fetch={"allow_private": True, "timeout_s": 5},
        http={"wait_s": 0, "admin_token": "operator"},
    )


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    database = wiring.open_database(settings)
    with database.transaction() as conn:
        policies.bind(conn, BoundDeployment(CHAIN_ID, HUB, {"hub": "0x" + HUB.hex()}))
        for media_type in ("image", "video", "audio"):
            policies.record(conn, Policy(1, media_type, 9_500, 10_000))
    yield database
    database.close()


@pytest.fixture
def client(settings: Settings, db: Database) -> Iterator[TestClient]:
    """The HTTP application; an unexpected error is an answer with status 500, as for a real
    client.
    """
    with TestClient(app_module.create_app(settings), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def drain(settings: Settings, db: Database) -> Callable[[], None]:
    """Run a real worker until the queue is empty."""
    originality = wiring.make_originality(settings, db, wiring.make_kinds(settings))
    return lambda: run_worker(db.dsn, originality.analyse, settings.worker, wait=False)


@pytest.fixture
def post(client: TestClient, drain: Callable[[], None]) -> Post:
    """Upload bytes, let the worker decide, and return the analysis."""

    def upload(
        content: bytes, creator: str | None = None, name: str = "photo.jpg", **headers: str
    ) -> dict[str, Any]:
        data = {"creator": creator} if creator else {}
        answer = client.post("/upload", files={"file": (name, content)}, data=data, headers=headers)
        assert answer.status_code in (200, 202), answer.text
        drain()
        decided: dict[str, Any] = client.get(answer.json()["links"]["self"]).json()
        return decided

    return upload
