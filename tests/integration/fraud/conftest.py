"""A database with one made-up day in it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from integration.fraud.cases import Case, make_case
from integration.fraud.hooks import HookServer, start
from support.economy import Economy, Plan, make_economy
from support.economy.database import store

from storage.database import Database

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


@pytest.fixture(scope="session")
def economy() -> Economy:
    return make_economy(SMALL)


@pytest.fixture
def db(database_dsn: str) -> Iterator[Database]:
    database = Database(database_dsn, max_size=4)
    database.open()
    yield database
    database.close()


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
