"""A platform on a database of the test's own, and the HTTP application on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.creators.creators_world import Platform
from starlette.testclient import TestClient

from oracle import app as app_module
from oracle.settings import Settings
from storage.database import Database


@pytest.fixture
def platform(database_dsn: str) -> Iterator[Platform]:
    db = Database(database_dsn)
    db.open()
    yield Platform(db)
    db.close()


@pytest.fixture
def client(database_dsn: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        data_dir=tmp_path, database_url=database_dsn, http={"admin_token": "operator"}
    )
    with TestClient(app_module.create_app(settings), raise_server_exceptions=False) as test_client:
        yield test_client
