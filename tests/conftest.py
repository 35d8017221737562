"""Servers for the tests that want them; a test that asks for none starts none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.anvil import AnvilNode, running_anvil
from support.contracts import Contracts
from support.databases import FAST_SETTINGS, cloned_database, make_template, server_folder
from support.files import FileServer, new_file_server

from oracle.chain.devnet import DevChain
from storage.embedded import EmbeddedPostgres

# Workers share the cores with each other and with servers: how long one example takes says nothing.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One real Postgres for the whole run of this process."""
    with (
        server_folder(tmp_path_factory.mktemp("postgres")) as folder,
        EmbeddedPostgres(folder, settings=FAST_SETTINGS) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def database_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a migrated database to clone."""
    return make_template(postgres_server.dsn)


@pytest.fixture
def database_dsn(postgres_server: EmbeddedPostgres, database_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def anvil_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnvilNode]:
    """One Anvil for the whole run of this process: automine, final two blocks behind the head."""
    with running_anvil(tmp_path_factory.mktemp("anvil") / "anvil.log") as node:
        yield node


@pytest.fixture(scope="session")
def contracts(anvil_server: AnvilNode) -> Contracts:
    """What most tests of the chain want deployed, once: deploying takes seconds, going back to
    it none.
    """
    return Contracts.deploy(anvil_server)


@pytest.fixture(scope="module")
def anvil(anvil_server: AnvilNode, contracts: Contracts) -> Iterator[AnvilNode]:
    """Anvil as it was before this module, and is again after it."""
    with anvil_server.rolled_back():
        yield anvil_server


@pytest.fixture
def rolled_back(anvil: AnvilNode) -> Iterator[None]:
    """Nothing of this test stays on the chain."""
    with anvil.rolled_back():
        yield


@pytest.fixture
def devchain(tmp_path: Path) -> Iterator[DevChain]:
    """A new embedded chain of the test's own, with its block producer."""
    with DevChain(tmp_path / "chain") as chain:
        yield chain


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """An HTTP server on loopback; put files into it."""
    server = new_file_server()
    server.start()
    yield server
    server.stop()
