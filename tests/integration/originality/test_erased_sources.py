"""An erased work is not credited, and neither are those who copied it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle import wiring
from oracle.appeals import reviews as appeals_reviews
from oracle.appeals.errors import StepNotPossible
from oracle.originality.recompute import agrees
from oracle.settings import Settings
from storage.cases import reviews
from storage.database import Database
from storage.works.authors import behind

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}


def erase(client: TestClient, posted: dict[str, Any]) -> dict[str, Any]:
    answer = client.delete(f"/v1/works/{posted['work']['id']}", headers=OPERATOR)
    assert answer.is_success, answer.text
    erased: dict[str, Any] = answer.json()
    return erased


@pytest.fixture
def erased(client: TestClient, post: Post) -> dict[str, Any]:
    """Alice's picture, which bob and then carol copied, and alice had erased. Bob's post."""
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    assert post(edited(photo("temple"), "reencoded"), "carol")["original"]["creator"] == "alice"
    answer = erase(client, first)
    assert "nobody is credited with it any more" in answer["from_now_on"]
    return copy


@pytest.mark.parametrize(
    "content", [photo("temple"), edited(photo("temple"), "cropped")], ids=["same bytes", "edit"]
)
def test_what_copies_an_erased_work_pays_neither_author_nor_copyist(
    settings: Settings,
    client: TestClient,
    db: Database,
    post: Post,
    erased: dict[str, Any],
    content: bytes,
) -> None:
    later = post(content, "dora")
    assert (later["verdict"], later["reason"], later["redirect_bps"]) == (
        "undecided",
        "erased_source",
        0,
    )
    assert "erased" in later["explanation"]
    assert agrees(wiring.make_auditor(settings, db).audit(UUID(later["analysis_id"])))
    with db.transaction() as conn:
        review = reviews.find_of_analysis(conn, UUID(later["analysis_id"]))
        assert review is not None and review.held_bps > 0
        with pytest.raises(StepNotPossible, match="copyist"):
            appeals_reviews.decide(
                conn,
                review.id,
                outcome="derivative",
                actor="key:maria",
                because="It is a copy.",
                now=review.opened_at,
            )


def test_the_author_may_post_the_erased_work_again(post: Post, erased: dict[str, Any]) -> None:
    for content in (photo("temple"), edited(photo("temple"), "cropped")):
        again = post(content, "alice")
        assert again["verdict"] in ("original", "self_duplicate"), again["reason"]
        assert again["redirect_bps"] == 0


@pytest.mark.parametrize(
    "content", [photo("cat"), edited(photo("cat"), "cropped")], ids=["same bytes", "edit"]
)
def test_without_any_copy_nothing_is_known_of_an_erased_work(
    client: TestClient, post: Post, content: bytes
) -> None:
    erase(client, post(photo("cat"), "alice"))
    assert post(content, "dora")["verdict"] == "original"


def test_what_was_decided_before_stands(
    client: TestClient, post: Post, erased: dict[str, Any]
) -> None:
    before = client.get(erased["links"]["self"]).json()
    assert (before["verdict"], before["redirect_bps"]) == ("derivative", erased["redirect_bps"])


def test_a_copy_that_an_appeal_cleared_is_no_copy(db: Database, post: Post) -> None:
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    work, original = UUID(copy["work"]["id"]), UUID(first["work"]["id"])
    with db.transaction() as conn:
        assert behind(conn, [work, original])[work].work_id == original
        conn.execute(
            "insert into not_copies (work_id, other_work_id, sha256, other_sha256, creator_id,"
            " decided_by, decided_at) select w.id, o.id, w.sha256, o.sha256, w.creator_id, 'a"
            " reviewer', now() from works w, works o where w.id = %s and o.id = %s",
            (work, original),
        )
        assert behind(conn, [work, original]) == {}
