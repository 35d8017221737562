"""The node's world: contracts that nobody has called and a fresh database for each test."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from integration.chain.chain_world import World, make_world
from integration.chain.quorum_world import KEYS, Quorum
from support.anvil import AnvilNode
from support.contracts import Contracts
from support.databases import cloned_database

from storage.database import Database
from storage.embedded import EmbeddedPostgres


@pytest.fixture
def world(
    anvil: AnvilNode, contracts: Contracts, rolled_back: None, database_dsn: str
) -> Iterator[World]:
    db = Database(database_dsn, max_size=4)
    db.open()
    yield make_world(anvil, db, contracts.hub)
    db.close()


@pytest.fixture
def four(
    anvil: AnvilNode,
    contracts: Contracts,
    rolled_back: None,
    postgres_server: EmbeddedPostgres,
    database_template: str,
) -> Iterator[Quorum]:
    with ExitStack() as stack:
        databases = []
        for _ in KEYS:
            db = Database(
                stack.enter_context(cloned_database(postgres_server.dsn, database_template)),
                max_size=4,
            )
            db.open()
            stack.callback(db.close)
            databases.append(db)
        nodes = Quorum(anvil, databases, contracts.quorum)
        yield nodes
        nodes.close()
