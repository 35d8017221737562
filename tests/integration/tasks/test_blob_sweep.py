"""Bytes that nothing refers to are swept after a while, and nothing else is."""

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from integration.originality.test_analysis_failures import request
from starlette.testclient import TestClient
from structlog.testing import LogCapture
from support.photos import edited, photo

from oracle import app as app_module
from oracle import wiring
from oracle.appeals.attachments import add_attachment
from oracle.errors import ForeignBlobStore
from oracle.jobs import RetryLater
from oracle.settings import Settings
from oracle.tasks import blob_owner, blob_sweep
from oracle.tasks import scheduler as scheduler_module
from oracle.tasks.blob_owner import OWNER_KEY
from storage.blobs import BlobStore, blob_key, open_blobs
from storage.database import Database
from storage.works import works

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}
LATER = datetime.now(UTC) + blob_sweep.GRACE + timedelta(hours=12)  # however long the tests take


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return open_blobs(settings.blobs)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What scheduler and sweep log, whatever other tests have configured."""
    heard = LogCapture()
    for module in (scheduler_module, blob_sweep):
        logger = structlog.wrap_logger(
            structlog.PrintLogger(),
            processors=[heard],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )
        monkeypatch.setattr(module, "log", logger)
    return heard.entries


def put(blobs: BlobStore, content: bytes) -> str:
    key = key_of(content)
    blobs.put(io.BytesIO(content), key)
    return key


def key_of(content: bytes) -> str:
    return blob_key(hashlib.sha256(content).digest())


def open_appeal(db: Database, analysis_id: str) -> UUID:
    """An appeal that takes files."""
    with db.transaction() as conn:
        row = conn.execute(
            "insert into appeals (id, kind, analysis_id, creator_id, ground, statement, filed_at,"
            " first_decider, decide_by) select gen_random_uuid(), 'originality', id, creator_id,"
            " 'other', 'x', now(), 'machine', now() from analyses where id = %s returning id",
            (analysis_id,),
        ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_what_nothing_refers_to_goes_after_a_while_and_nothing_else(
    db: Database, blobs: BlobStore, post: Post, tmp_path: Path
) -> None:
    kept = post(photo("cat"), "alice")
    paper = tmp_path / "contract.pdf"
    paper.write_bytes(b"%PDF-1.7 mine")
    add_attachment(
        db,
        blobs,
        open_appeal(db, kept["analysis_id"]),
        paper,
        "contract.pdf",
        actor="alice",
        now=datetime.now(UTC),
    )
    crashed, elsewhere = put(blobs, b"a crash left this"), "exports/all.bin"
    blobs.put(io.BytesIO(b"not content"), elsewhere)
    assert blob_sweep.sweep(db, blobs, datetime.now(UTC)) == 0, "it may be on its way still"
    assert blob_sweep.sweep(db, blobs, LATER) == 1
    assert not blobs.exists(crashed)
    assert all(
        blobs.exists(key) for key in (key_of(photo("cat")), key_of(paper.read_bytes()), elsewhere)
    )
    assert blob_sweep.sweep(db, blobs, LATER) == 0


def test_an_upload_that_meets_the_sweep_keeps_its_bytes(
    client: TestClient,
    db: Database,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
    drain: Callable[[], None],
) -> None:
    """The bytes lie there from long ago; the sweep comes between their put and the row that
    refers to them.
    """
    put(blobs, photo("cat"))
    swept = []
    lock = works.lock_sequence

    def sweep_first(conn: Any) -> None:
        # later it would wait for the upload, which holds the sequence from here on
        monkeypatch.setattr(works, "lock_sequence", lock)
        swept.append(blob_sweep.sweep(db, blobs, LATER))
        lock(conn)

    monkeypatch.setattr(works, "lock_sequence", sweep_first)
    answer = client.post("/upload", files={"file": photo("cat")}, data={"creator": "alice"}).json()
    assert swept == [1]
    drain()
    assert client.get(answer["links"]["self"]).json()["verdict"] == "original"
    assert blobs.exists(key_of(photo("cat")))


def test_a_file_of_an_appeal_that_meets_the_sweep_is_put_again(
    db: Database, blobs: BlobStore, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appeal = open_appeal(db, post(photo("cat"), "alice")["analysis_id"])
    paper = tmp_path / "contract.pdf"
    paper.write_bytes(b"%PDF-1.7 mine")
    real = blobs.put

    def put_and_lose(content: Any, key: str) -> None:
        real(content, key)
        monkeypatch.setattr(blobs, "put", real)
        assert blob_sweep.sweep(db, blobs, LATER) == 1

    monkeypatch.setattr(blobs, "put", put_and_lose)
    add_attachment(db, blobs, appeal, paper, "contract.pdf", actor="alice", now=datetime.now(UTC))
    assert blobs.exists(key_of(paper.read_bytes()))


def test_erasing_a_work_leaves_the_same_bytes_of_an_appeal(
    client: TestClient, db: Database, blobs: BlobStore, post: Post, tmp_path: Path
) -> None:
    work = post(photo("cat"), "alice")
    other = post(edited(photo("cat"), "resized"), "bob")
    path = tmp_path / "cat.jpg"
    path.write_bytes(photo("cat"))
    add_attachment(
        db,
        blobs,
        open_appeal(db, other["analysis_id"]),
        path,
        "cat.jpg",
        actor="bob",
        now=datetime.now(UTC),
    )
    erased = client.delete(f"/v1/works/{work['work']['id']}", headers=OPERATOR).json()
    assert erased["media_deleted"] is False
    assert blobs.exists(key_of(photo("cat")))


def test_the_clerk_sweeps_a_slice_a_round_once_a_day_and_not_at_its_start(
    client: TestClient, db: Database, settings: Settings, blobs: BlobStore
) -> None:
    scheduler = wiring.make_scheduler(settings, db)

    def rounds(at: datetime) -> None:
        for _ in range(4):  # list, find the end of the list, remove, find nothing more to remove
            assert scheduler.round(at)

    first = put(blobs, b"first")
    rounds(LATER)
    assert blobs.exists(first), "whoever started it with a wrong setting has some time to see it"
    scheduler.round(LATER + timedelta(hours=1))
    assert blobs.exists(first), "a slice a round"
    rounds(LATER + timedelta(hours=1))
    assert not blobs.exists(first)
    second = put(blobs, b"second")
    rounds(LATER + timedelta(hours=24))
    assert blobs.exists(second)
    rounds(LATER + timedelta(hours=25))
    assert not blobs.exists(second)


def test_a_clerk_without_its_store_does_the_rest_and_asks_for_it_now_and_then(
    db: Database, settings: Settings, logs: list[Any]
) -> None:
    for_ever_wrong = settings.model_copy(update={"blobs_url": "ftp://nowhere"})
    scheduler = wiring.make_scheduler(for_ever_wrong, db)
    for minutes in (0, 60, 61):
        assert scheduler.round(LATER + timedelta(minutes=minutes))
    failed = [entry["part"] for entry in logs if entry["event"] == "scheduler.part_failed"]
    assert failed == ["blobs"]


def refusals(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(entry["why"]) for entry in logs if entry["event"] == "blobs.not_swept"]


def test_another_database_does_not_use_the_store_and_sweeps_nothing(
    client: TestClient, db: Database, settings: Settings, blobs: BlobStore, logs: list[Any]
) -> None:
    """The first has lost its row, as with a new DATABASE_URL beside the old BLOBS_URL."""
    kept = put(blobs, b"another hub's")
    with db.transaction() as conn:
        conn.execute("update blob_owner set id = gen_random_uuid()")
    assert blob_sweep.sweep(db, blobs, LATER) == 0
    assert blobs.exists(kept)
    assert "another database" in refusals(logs)[0]
    with (
        pytest.raises(ForeignBlobStore, match="another BLOBS_URL"),
        TestClient(app_module.create_app(settings)),
    ):
        pass
    blobs.delete(OWNER_KEY)
    with TestClient(app_module.create_app(settings)) as again:
        assert again.get("/healthz").is_success


def test_a_copy_of_the_database_elsewhere_sweeps_nothing(
    client: TestClient, db: Database, blobs: BlobStore, logs: list[Any]
) -> None:
    kept = put(blobs, b"uploaded after the dump")
    mine = blob_owner.identify(db)
    blobs.delete(OWNER_KEY)
    blob_owner.set_owner(blobs, replace(mine, place="7123456789/16384"))
    assert blob_sweep.sweep(db, blobs, LATER) == 0
    assert blobs.exists(kept)
    assert len(refusals(logs)) == 1
    blob_owner.claim(db, blobs)  # it goes on storing: it is the same oracle, moved


def test_so_many_unknown_blobs_are_no_crash_and_stay(
    client: TestClient, db: Database, blobs: BlobStore, logs: list[Any]
) -> None:
    several = [put(blobs, bytes([n])) for n in range(blob_sweep.MAX_ORPHANS + 1)]
    assert blob_sweep.sweep(db, blobs, LATER) == 0
    assert all(blobs.exists(key) for key in several)
    assert [(e["blobs"], e["unknown"]) for e in logs if e["event"] == "blobs.not_swept"] == [
        (21, 21)
    ]
    blobs.delete(several[0])
    assert blob_sweep.sweep(db, blobs, LATER) == blob_sweep.MAX_ORPHANS


def test_a_store_without_an_owner_is_adopted_by_who_needs_most_of_it(
    client: TestClient, db: Database, blobs: BlobStore, post: Post, logs: list[Any]
) -> None:
    blobs.delete(OWNER_KEY)  # as stores were before
    crashed = put(blobs, b"a crash left this")
    assert blob_sweep.sweep(db, blobs, LATER) == 0
    assert "too few of its blobs" in refusals(logs)[0]
    blob_owner.claim(db, blobs)
    assert not blobs.exists(OWNER_KEY), "not by who comes first"
    for name in ("cat", "coffee"):
        post(photo(name), "alice")
    assert blob_sweep.sweep(db, blobs, LATER) == 0, "from the next time on"
    assert blob_owner.find_owner(blobs) == blob_owner.identify(db)
    assert blob_sweep.sweep(db, blobs, LATER) == 1
    assert not blobs.exists(crashed)


def test_fetched_media_that_meets_the_sweep_is_fetched_again(
    db: Database,
    blobs: BlobStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    file_server: Any,
) -> None:
    analysis_id = request(settings, db, file_server.put("/cat.jpg", photo("cat")), "alice")
    oracle = wiring.make_originality(settings, db, wiring.make_handlers(settings))
    real = works.lock_sequence
    swept: list[int] = []

    def sweep_first(conn: Any) -> None:
        if not swept:
            swept.append(0)
            swept[0] = blob_sweep.sweep(db, blobs, LATER)
        real(conn)

    monkeypatch.setattr(works, "lock_sequence", sweep_first)
    with pytest.raises(RetryLater, match="fetched again"):
        oracle.analyse(analysis_id)
    assert swept == [1]
    oracle.analyse(analysis_id)
    assert blobs.exists(key_of(photo("cat")))
