"""A platform on a database of the test's own."""

from collections.abc import Iterator

import pytest
from integration.creators.creators_world import Platform

from storage.database import Database


@pytest.fixture
def platform(database_dsn: str) -> Iterator[Platform]:
    db = Database(database_dsn)
    db.open()
    yield Platform(db)
    db.close()
