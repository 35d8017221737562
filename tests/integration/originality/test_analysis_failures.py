"""What an analysis does when it cannot go on: outages are waited for, own failures counted,
order kept.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient
from support.files import FileServer
from support.photos import edited, photo

from embeddings.errors import ModelUnavailable
from oracle import wiring
from oracle.chain.core.ids import escrow_account
from oracle.jobs import RetryLater
from oracle.originality.analysis import Originality
from oracle.settings import Settings
from storage.blobs import BlobStoreUnavailable
from storage.chain.requests import RequestSeen
from storage.database import Database
from storage.works import analyses

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def oracle(settings: Settings, db: Database) -> Originality:
    return wiring.make_originality(settings, db, wiring.make_handlers(settings))


def upload(client: TestClient, content: bytes, creator: str) -> UUID:
    return UUID(
        client.post("/upload", files={"file": content}, data={"creator": creator}).json()[
            "analysis_id"
        ]
    )


def failures(db: Database, analysis_id: UUID) -> int:
    with db.transaction() as conn:
        row = conn.execute("select failures from analyses where id = %s", (analysis_id,)).fetchone()
    assert row is not None
    return int(row[0])


def request(
    settings: Settings, db: Database, uri: str, creator: str, *, post_id: bytes | None = None
) -> UUID:
    """A contract's request, as the node hands it over."""
    seen = RequestSeen(
        request_id=uuid4().bytes * 2,
        seq=1,
        requester=bytes(20),
        post_id=post_id or uuid4().bytes * 2,
        creator=escrow_account(creator),
        content_hash=bytes(32),
        media_type="image",
        uri=uri,
        config_version=1,
        deadline=datetime.now(UTC) + timedelta(days=1),
        tx_hash=bytes(32),
        log_index=0,
        block_number=1,
        block_hash=bytes(32),
        block_time=datetime.now(UTC),
    )
    intake = wiring.make_intake(
        db, wiring.open_blobs(settings.blobs), wiring.make_handlers(settings)
    )
    with db.transaction() as conn:
        return intake.accept_request(conn, seen)


def queued(db: Database) -> list[UUID]:
    with db.transaction() as conn:
        return [
            UUID(row[0])
            for row in conn.execute(
                "select args->>'analysis_id' from procrastinate_jobs where status = 'todo' order by"
                " priority desc, id"
            )
        ]


def view(client: TestClient, analysis_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/analyses/{analysis_id}").json()
    return found


def test_a_later_copy_waits_for_the_earlier_picture_however_late_that_is_read(
    client: TestClient, oracle: Originality, db: Database
) -> None:
    first = upload(client, photo("cat"), "alice")
    copy = upload(client, edited(photo("cat"), "resized"), "bob")
    for _ in range(12):  # more often than an analysis may fail
        oracle.analyse(copy)
    assert failures(db, copy) == 0
    assert (view(client, copy)["status"], view(client, copy)["progress"]["stage"]) == (
        "running",
        "waiting",
    )
    with db.transaction() as conn:
        conn.execute("delete from procrastinate_jobs")
    oracle.analyse(first)
    assert queued(db) == [copy], "by the transaction that let it be found"
    oracle.analyse(copy)
    assert (view(client, first)["verdict"], view(client, copy)["verdict"]) == (
        "original",
        "derivative",
    )


def test_who_cannot_look_at_everything_accuses_nobody(
    client: TestClient, oracle: Originality, db: Database
) -> None:
    upload(client, photo("rocket"), "unread")
    thief = upload(client, photo("cat"), "bob")
    with db.transaction() as conn:
        conn.execute("update analyses set waiting_since = now() - interval '1 hour'")
    oracle.analyse(thief)
    copy = upload(client, edited(photo("cat"), "resized"), "carol")
    with db.transaction() as conn:
        conn.execute("update analyses set waiting_since = now() - interval '1 hour'")
    oracle.analyse(copy)
    for analysis_id in (thief, copy):
        found = view(client, analysis_id)
        assert (found["verdict"], found["reason"], found["redirect_bps"]) == (
            "undecided",
            "incomplete_search",
            0,
        )


def test_a_blob_store_that_is_away_is_waited_for_as_long_as_it_takes(
    client: TestClient, oracle: Originality, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis_id = upload(client, photo("cat"), "alice")

    def away(_key: str, _path: Path) -> None:
        raise BlobStoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(oracle._blobs, "fetch", away)
        for _ in range(12):
            with pytest.raises(RetryLater):
                oracle.analyse(analysis_id)
    oracle.analyse(analysis_id)
    assert view(client, analysis_id)["verdict"] == "original"


def test_a_model_that_cannot_be_loaded_is_no_fault_of_the_work(
    client: TestClient, oracle: Originality, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis_id = upload(client, photo("cat"), "alice")

    def broken(*_: object, **__: object) -> None:
        raise ModelUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(oracle._handlers["image"], "extract", broken)
        for _ in range(12):
            with pytest.raises(RetryLater):
                oracle.analyse(analysis_id)
    assert failures(db, analysis_id) == 0
    oracle.analyse(analysis_id)
    assert view(client, analysis_id)["verdict"] == "original"


def test_an_analysis_that_keeps_killing_its_worker_is_given_up(
    client: TestClient, oracle: Originality, db: Database, settings: Settings
) -> None:
    analysis_id = upload(client, photo("cat"), "alice")
    with db.transaction() as conn:
        for _ in range(settings.worker.attempts):
            analyses.begin(conn, analysis_id)  # and never came back
    oracle.analyse(analysis_id)
    assert view(client, analysis_id)["error"]["code"] == "worker_killed"
    later = upload(client, photo("coffee"), "bob")
    oracle.analyse(later)  # nobody waits for the one that was given up
    assert view(client, later)["verdict"] == "original"


def test_an_analysis_without_a_job_is_found(client: TestClient, db: Database) -> None:
    analysis_id = upload(client, photo("cat"), "alice")
    with db.transaction() as conn:
        conn.execute("update analyses set created_at = now() - interval '5 minutes'")
        assert analyses.find_abandoned(conn) == []
        conn.execute("delete from procrastinate_jobs")
        assert analyses.find_abandoned(conn) == [analysis_id]


def test_a_post_belongs_to_its_first_creator_and_keeps_its_content(
    client: TestClient,
    oracle: Originality,
    settings: Settings,
    db: Database,
    file_server: FileServer,
) -> None:
    cat, coffee = (
        file_server.put("/cat.jpg", photo("cat")),
        file_server.put("/coffee.jpg", photo("coffee")),
    )
    post_id = uuid4().bytes * 2
    oracle.analyse(request(settings, db, cat, "alice", post_id=post_id))
    for uri, creator in ((cat, "mallory"), (coffee, "alice")):
        taken = request(settings, db, uri, creator, post_id=post_id)
        oracle.analyse(taken)
        assert view(client, taken)["error"]["code"] == "post_id_taken"
    again = request(settings, db, cat, "alice", post_id=post_id)
    oracle.analyse(again)
    # the same post, asked about again, is no copy of itself
    assert view(client, again)["verdict"] == "original"


def test_far_away_copies_do_not_push_the_original_out(post: Post, db: Database) -> None:
    first = post(photo("temple"), "alice")
    for name in ("rocket", "coffee", "flower", "astronaut", "grass", "gravel", "hubble"):
        post(photo(name), "carol")
        assert post(edited(photo(name), "reencoded"), "dave")["verdict"] == "derivative"
    copy = post(edited(photo("temple"), "cropped"), "bob")
    assert copy["original"]["work_id"] == first["work"]["id"]
