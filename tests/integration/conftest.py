"""The oracle on a real database, without its processes: jobs run when a test says so."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.cases import Case, make_case
from support.contracts import Contracts
from support.economy import Economy, Plan, make_economy
from support.economy.database import store
from support.hooks import HookServer, start
from support.platform import Platform
from support.town import Town

from embeddings.sniff import MEDIA_TYPES
from oracle import app as app_module
from oracle import wiring
from oracle.jobs import run_worker
from oracle.settings import Settings
from storage.database import Database
from storage.works import policies
from storage.works.policies import BoundDeployment, Policy

HUB = bytes.fromhex("11" * 20)
CHAIN_ID = 31_337
SMALL = Plan(
    seed=7,
    creators=200,
    views=5_000,
    viral=2,
    cross_posts=2,
    autoplay=1,
    schools=2,
    whole_schools=0,
    fans=3,
    friends=3,
    charities=1,
    attacks=1,
    attack_views=300,
)

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(database_dsn: str, tmp_path: Path) -> Settings:
    """Settings of a small oracle."""
    return Settings(
        data_dir=tmp_path,
        database_url=database_dsn,
        limits={"upload_bytes": 2_000_000, "pixels": 20_000_000},
        fetch={"allow_private": True, "timeout_s": 5},
        http={"wait_s": 0, "admin_token": "operator"},
    )


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    """A database whose policy was read from a chain."""
    database = wiring.open_database(settings)
    with database.transaction() as conn:
        policies.bind(conn, BoundDeployment(CHAIN_ID, HUB, {"hub": "0x" + HUB.hex()}))
        for media_type in MEDIA_TYPES:
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
    originality = wiring.make_originality(settings, db, wiring.make_handlers(settings))
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


@pytest.fixture
def platform(database_dsn: str) -> Iterator[Platform]:
    """Creators, posts and what people do with them."""
    database = Database(database_dsn)
    database.open()
    yield Platform(database)
    database.close()


@pytest.fixture
def town(contracts: Contracts, rolled_back: None) -> Town:
    """Every contract on a chain, and people with ether."""
    return contracts.town.again()


@pytest.fixture(scope="session")
def economy() -> Economy:
    """A made-up day."""
    return make_economy(SMALL)


@pytest.fixture
def day(db: Database, economy: Economy) -> dict[int, int]:
    """The day in the database. creators.id by code."""
    with db.transaction() as conn:
        return store(conn, economy)


@pytest.fixture
def now(economy: Economy) -> datetime:
    """The end of the day."""
    return datetime.fromtimestamp(economy.events.end_s, UTC)


@pytest.fixture
def case(db: Database) -> Case:
    """A creator with one post and no events."""
    with db.transaction() as conn:
        return make_case(conn, db)


@pytest.fixture
def post_server() -> Iterator[HookServer]:
    """A server for webhooks."""
    hooks = start()
    yield hooks
    hooks.server.shutdown()
    hooks.server.server_close()
