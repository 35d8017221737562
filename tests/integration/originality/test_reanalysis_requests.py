"""A contract's request without a URI is a re-analysis of a registered work, under the policy it
was judged by.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from support.photos import edited, photo

from oracle import wiring
from oracle.chain.core.ids import escrow_account
from oracle.settings import Settings
from storage.blobs import open_blobs
from storage.chain.requests import RequestSeen
from storage.database import Database
from storage.works import analyses
from storage.works.analyses import Analysis

Post = Callable[..., dict[str, Any]]


def ask(
    settings: Settings, db: Database, post_id: str, content_hash: str, creator: str = "bob"
) -> RequestSeen:
    now = datetime.now(UTC)
    request = RequestSeen(
        request_id=uuid4().bytes * 2,
        seq=1,
        requester=bytes(20),
        post_id=bytes.fromhex(post_id[2:]),
        creator=escrow_account(creator),
        content_hash=bytes.fromhex(content_hash),
        media_type="image",
        uri="",
        config_version=1,
        deadline=now + timedelta(days=1),
        tx_hash=bytes(32),
        log_index=0,
        block_number=1,
        block_hash=bytes(32),
        block_time=now,
        min_signatures=2,
    )
    intake = wiring.make_intake(db, open_blobs(settings.blobs), {})
    with db.transaction() as conn:
        intake.accept_request(conn, request)
    return request


def analysis_of(db: Database, request: RequestSeen) -> Analysis:
    with db.transaction() as conn:
        found = analyses.find_by_request(conn, request.request_id)
        assert found is not None
        return analyses.get(conn, found)


def test_the_same_work_is_judged_again_at_its_own_place(
    settings: Settings, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    post(edited(photo("temple"), "reencoded"), "carol")
    request = ask(settings, db, copy["work"]["post_id"], copy["work"]["sha256"])
    drain()
    again = analysis_of(db, request)
    assert (again.verdict, again.similarity_bps) == ("derivative", copy["similarity_bps"])
    assert str(again.work_id) == copy["work"]["id"]
    assert again.index_snapshot == copy["work"]["registration"]
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (3,)
        sent = conn.execute(
            "select kind, report from outbox where analysis_id = %s", (again.id,)
        ).fetchone()
    assert sent is not None and sent[0] == "fulfill"
    assert sent[1]["creator"] == copy["work"]["account"]


def test_a_work_that_is_not_here_cannot_be_looked_at_again(
    settings: Settings, db: Database, drain: Callable[[], None]
) -> None:
    request = ask(settings, db, "0x" + "11" * 32, "22" * 32)
    drain()
    again = analysis_of(db, request)
    assert (again.status, again.error_code) == ("failed", "media_unreachable")


def test_a_request_for_an_account_that_we_know_by_name_is_that_creators(
    settings: Settings, db: Database, post: Post
) -> None:
    post(photo("cat"), "alice")
    again = analysis_of(db, ask(settings, db, "0x" + "11" * 32, "22" * 32, creator="alice"))
    with db.transaction() as conn:
        assert conn.execute(
            "select handle from creators where id = %s", (again.creator_id,)
        ).fetchone() == ("alice",)


def test_what_was_decided_to_be_no_copy_is_not_accused_again(
    settings: Settings, db: Database, post: Post
) -> None:
    first = post(photo("temple"), "alice")
    again = edited(photo("temple"), "resized")
    copy = post(again, "bob")
    assert copy["verdict"] == "derivative"
    with db.transaction() as conn:
        conn.execute(
            "insert into not_copies (work_id, other_work_id, sha256, other_sha256, creator_id,"
            " decided_by, decided_at) select w.id, o.id, w.sha256, o.sha256, w.creator_id, 'a"
            " reviewer', now() from works w, works o where w.id = %s and o.id = %s",
            (copy["work"]["id"], first["work"]["id"]),
        )
    assert post(again, "bob")["verdict"] == "self_duplicate"
    assert post(again, "carol")["verdict"] == "derivative", (
        "what was settled for bob is not settled for others"
    )
