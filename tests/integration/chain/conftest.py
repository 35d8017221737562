"""The node's world: fresh contracts and a fresh database for each test."""

from collections.abc import Iterator

import pytest
from integration.chain.chain_world import World, make_world
from support.anvil import AnvilNode

from storage.database import Database


@pytest.fixture
def world(anvil: AnvilNode, database_dsn: str) -> Iterator[World]:
    db = Database(database_dsn, max_size=4)
    db.open()
    yield make_world(anvil, db)
    db.close()
