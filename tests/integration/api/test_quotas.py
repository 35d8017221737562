"""Bounded queues, quotas of a day, and rates that all processes share."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from support.photos import photo
from support.sounds import encoded, tune

from oracle import app as app_module
from oracle import temporary
from oracle.settings import Settings
from storage import api_keys, usage
from storage.database import Database

Key = Callable[..., dict[str, str]]


@pytest.fixture
def key(db: Database) -> Key:
    def make(name: str, **quotas: int) -> dict[str, str]:
        with db.transaction() as conn:
            secret = api_keys.issue(conn, name, ["upload", "read"], **quotas)
        return {"Authorization": f"Bearer {secret}"}

    return make


def app_with(settings: Settings, **queue: int) -> TestClient:
    changed = settings.queue.model_copy(update=queue)
    app = app_module.create_app(settings.model_copy(update={"queue": changed}))
    return TestClient(app, raise_server_exceptions=False)


def picture(number: int) -> bytes:
    return photo("temple") + str(number).encode()  # other bytes, the same picture


def post(client: TestClient, number: int, headers: dict[str, str]) -> tuple[int, str]:
    answer = client.post("/upload", files={"file": picture(number)}, headers=headers)
    if answer.status_code == 202:
        return 202, ""
    assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code, answer.json()["code"]


def test_a_full_queue_says_so_before_a_file_is_read_and_each_tenant_has_a_share(
    settings: Settings, key: Key, drain: Callable[[], None]
) -> None:
    greedy, other = key("greedy"), key("other")
    with app_with(settings, waiting=5, waiting_of_one=3) as client:
        assert [post(client, n, greedy)[0] for n in range(3)] == [202] * 3
        assert post(client, 3, greedy) == (503, "queue_full")
        assert [post(client, n, other)[0] for n in range(10, 12)] == [202] * 2
        assert post(client, 12, other) == (503, "queue_full")
        by_uri = client.post("/v1/works", json={"uri": "http://127.0.0.1:1/x"}, headers=other)
        assert (by_uri.status_code, by_uri.json()["code"]) == (503, "queue_full")
        drain()
        assert post(client, 3, greedy)[0] == 202


def test_quotas_of_a_key_hold_however_many_come_at_once(
    settings: Settings, key: Key, db: Database
) -> None:
    few = key("few", works_a_day=4)
    with app_with(settings) as client, ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda n: post(client, n, few), range(10)))
    assert sorted(ends) == [(202, "")] * 4 + [(429, "quota_exceeded")] * 6
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (4,)
        row = conn.execute("select whose, works from usage").fetchone()
    assert row == ("key:few", 4)


def test_quotas_of_bytes_and_seconds(settings: Settings, key: Key) -> None:
    sound = encoded(tune(1, 20.0))
    bytes_, seconds = key("bytes", bytes_a_day=len(picture(1)) + 10), key("s", media_s_a_day=30)
    with app_with(settings, works_a_day=3) as client:
        assert post(client, 1, bytes_) == (202, "")
        assert post(client, 2, bytes_) == (429, "quota_exceeded")
        files = [{"file": sound}, {"file": encoded(tune(2, 20.0))}]
        ends = [client.post("/upload", files=file, headers=seconds) for file in files]
        assert [end.status_code for end in ends] == [202, 429]
        default = key("as the settings say")
        assert [post(client, n, default)[0] for n in range(20, 24)] == [202, 202, 202, 429]


def test_what_was_taken_in_before_costs_no_quota(settings: Settings, key: Key) -> None:
    once = key("once", works_a_day=2) | {"Idempotency-Key": "a"}
    with app_with(settings) as client:
        assert post(client, 1, once) == (202, "")
        assert post(client, 1, once) == (202, "")


@pytest.fixture
def processes(settings: Settings, db: Database) -> Iterator[list[TestClient]]:
    """Several API processes of one database, as far as rates can tell."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(TestClient(app_module.create_app(settings), client=("10.0.0.9", 1)))
            for _ in range(3)
        ]


def test_rates_are_shared_between_processes(
    processes: list[TestClient], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oracle.api import access

    # Each process has a memory of its own; here they share one, so it must not speak first.
    monkeypatch.setattr(access._limiter, "hit", lambda *_: True)
    with db.transaction() as conn:
        secret = api_keys.issue(conn, "shared", ["read"], per_minute=6)
    headers = {"Authorization": f"Bearer {secret}"}
    statuses = [processes[n % 3].get("/v1/policy", headers=headers).status_code for n in range(9)]
    assert statuses == [200] * 6 + [429] * 3
    refused = processes[0].get("/v1/policy", headers=headers)
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def test_the_minute_before_counts_as_far_as_it_reaches(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute(
            "insert into request_rates values ('a', date_trunc('minute', clock_timestamp()) -"
            " interval '1 minute', 60, 0), ('b', date_trunc('minute', clock_timestamp()) -"
            " interval '3 minutes', 60, 0)"
        )
        row = conn.execute("select extract(second from clock_timestamp())::float8").fetchone()
        assert row is not None
        hits, left_s = usage.hit(conn, "a")
        if left_s > 1 and row[0] < 58:  # no minute ended meanwhile
            assert hits == pytest.approx(1 + 60 * (1 - row[0] / 60), abs=2)
        assert usage.hit(conn, "b")[0] < 3
        usage.forget(conn, date(2020, 1, 1))


def test_folders_of_killed_processes_are_swept_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old = time.time() - 2 * temporary.LEFT_AFTER_S
    for name in ("oracle-ab12_xyz", "oracle-sound-ab12_xyz", "oracle-pg-ab12xyz", "other-ab12xyz8"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "media").write_bytes(b"x")
        os.utime(tmp_path / name, (old, old))
    (tmp_path / "oracle-new12345").mkdir()
    assert temporary.sweep() == 2
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"oracle-pg-ab12xyz", "other-ab12xyz8", "oracle-new12345"}
