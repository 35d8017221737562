"""Each process says at once what it lacks: one line, exit status 1, no traceback."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import psycopg
import pytest
from starlette.testclient import TestClient
from support.anvil import free_port
from support.databases import empty_database
from support.photos import photo
from support.sounds import encoded, tune

from oracle import app as app_module
from oracle import cli, wiring
from oracle.errors import ConfigurationError
from oracle.probes import Pulse, probes
from oracle.settings import Settings
from storage.blobs import open_blobs
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import Schema, schema_of

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in this process. Returns: its exit status, and the lines that it wrote."""

    def run(*arguments: str, **env: str) -> tuple[int, list[str]]:
        monkeypatch.setenv("ORACLE_DATA_DIR", str(tmp_path))
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["oracle", *arguments])
        out = io.StringIO()
        monkeypatch.setattr(sys, "stderr", out)
        monkeypatch.setattr(cli.console, "file", out)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), out.getvalue().splitlines()

    return run


def last(lines: list[str]) -> str:
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


ROLES = ("serve", "worker", "scheduler", "node")


@pytest.mark.parametrize("role", ROLES)
def test_a_database_without_a_schema(
    role: str, oracle: Run, postgres_server: EmbeddedPostgres
) -> None:
    with empty_database(postgres_server.dsn) as dsn:
        status, lines = oracle(role, DATABASE_URL=dsn)
    assert status == 1
    assert last(lines) == "not_migrated: The database is not migrated: run `oracle migrate`."


@pytest.mark.parametrize("role", ROLES)
def test_a_database_that_is_not_there(role: str, oracle: Run) -> None:
    status, lines = oracle(role, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert status == 1
    assert len(lines) == 1
    assert last(lines).startswith("database_unavailable: The database cannot be reached")


def test_migrate_and_check(oracle: Run, postgres_server: EmbeddedPostgres) -> None:
    with empty_database(postgres_server.dsn) as dsn:
        assert oracle("migrate", "--check", DATABASE_URL=dsn)[0] == 1
        status, lines = oracle("migrate", DATABASE_URL=dsn)
        assert (status, last(lines)) == (0, "The database is at the newest migration.")
        assert oracle("migrate", "--check", DATABASE_URL=dsn)[0] == 0
        assert oracle("migrate", DATABASE_URL=dsn)[0] == 0
        with psycopg.connect(dsn) as conn:
            conn.execute("update alembic_version set version_num = '0001'")
        status, lines = oracle("serve", DATABASE_URL=dsn)
        assert status == 1
        assert "run `oracle migrate`" in last(lines)


def test_a_server_without_pgvector(oracle: Run, database_dsn: str, monkeypatch) -> None:
    monkeypatch.setattr("storage.database.MIN_PGVECTOR", (99, 0))
    status, lines = oracle("worker", DATABASE_URL=database_dsn)
    assert status == 1
    assert "unsupported_database: pgvector 0.8 or newer is needed" in "\n".join(lines)


def test_a_blob_store_of_another_database(oracle: Run, database_dsn: str, tmp_path: Path) -> None:
    store = open_blobs((tmp_path / "blobs").as_uri())
    store.put(io.BytesIO(b"0" * 32 + b" 1/2"), "owner")
    status, lines = oracle("serve", DATABASE_URL=database_dsn)
    assert status == 1
    assert last(lines).startswith("foreign_blob_store: The blob store belongs to the database")


def test_a_chain_that_is_not_set(oracle: Run, database_dsn: str, tmp_path: Path) -> None:
    status, lines = oracle("node", DATABASE_URL=database_dsn)
    assert (status, last(lines).split(":")[0]) == (1, "configuration_error")
    missing = str(tmp_path / "none.json")
    env = {"CHAIN_RPC_URL": "http://127.0.0.1:1", "ORACLE_CHAIN__DEPLOYMENT": missing}
    status, lines = oracle("node", DATABASE_URL=database_dsn, **env)
    assert status == 1
    assert missing in last(lines)


def test_settings_that_make_no_sense_are_named_and_not_shown(oracle: Run) -> None:
    env = {"ORACLE_HTTP__PORT": "99999", "ORACLE_WORKER__CONCURRENCY": "many"}
    status, lines = oracle("serve", **env)
    assert status == 1
    assert [line.split(": ")[1] for line in lines] == list(env)
    assert "99999" not in "".join(lines)


def test_the_version_before_works_on_a_newer_schema(
    settings: Settings, db: Database, drain: Callable[[], None]
) -> None:
    """A rolling upgrade migrates first: what only adds must not stop what runs."""
    with db.transaction() as conn:
        conn.execute("update alembic_version set version_num = '9999_of_the_next_release'")
        conn.execute("create table added_by_the_next (id int)")
        for table in ("works", "analyses", "creators", "outbox", "api_keys"):
            conn.execute(f"alter table {table} add column of_the_next text default 'x'")
        assert schema_of(conn) is Schema.NEWER
    wiring.open_database(settings).close()
    with TestClient(app_module.create_app(settings)) as client:
        checks = client.get("/readyz").json()["checks"]
        assert checks["database"] == {"ok": True, "detail": "migrated by a newer version"}
        posted = client.post("/upload", files={"file": photo("temple")}, data={"creator": "a"})
        assert posted.status_code == 202
        drain()
        assert client.get(posted.json()["links"]["self"]).json()["verdict"] == "original"


def test_a_process_without_an_api_answers_probes(settings: Settings, db: Database) -> None:
    pulse, port = Pulse(), free_port()
    url, why = f"http://127.0.0.1:{port}", [None, "it has no chain"]
    ask = httpx2.Client(trust_env=False)
    with probes(f"127.0.0.1:{port}", pulse, lambda: why[-1]):
        assert ask.get(f"{url}/healthz").status_code == 200
        assert ask.get(f"{url}/readyz").json() == {"ok": False, "detail": "it has no chain"}
        why.append(None)
        assert ask.get(f"{url}/readyz").status_code == 200
        assert "# TYPE oracle_jobs_total counter" in ask.get(f"{url}/metrics").text
        assert ask.get(f"{url}/works").status_code == 404
        pulse._at -= 10_000
        assert ask.get(f"{url}/healthz").status_code == 503
        assert not pulse.is_set()  # the loop asks whether to stop
        assert ask.get(f"{url}/healthz").status_code == 200
        with pytest.raises(ConfigurationError), probes(f"127.0.0.1:{port}", pulse, lambda: None):
            pass
    assert wiring.why_not_ready(db) is None
    assert "never_polled" in str(wiring.why_not_ready(db, node=True))
    with db.transaction() as conn:
        conn.execute("update alembic_version set version_num = '0001'")
    assert "run `oracle migrate`" in str(wiring.why_not_ready(db))


def test_a_work_waits_for_a_worker_of_its_medium(client: TestClient, db: Database) -> None:
    client.post("/upload", files={"file": photo("temple")}, data={"creator": "a"})
    client.post("/upload", files={"file": encoded(tune(1, 3.0))}, data={"creator": "a"})
    with db.transaction() as conn:
        rows = conn.execute("select queue_name from procrastinate_jobs order by id").fetchall()
    assert rows == [("image",), ("audio",)]
