"""Whoever loses by a verdict hears of it and can appeal, and is told how it ended."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from integration.appeals.test_reviews import Doubt, Post, doubt
from integration.originality.test_analysis_failures import oracle
from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform

from oracle.appeals import reviews as appeals_reviews
from oracle.appeals import verdict_notices
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.errors import NothingToAppeal
from oracle.appeals.source_notices import tell_sources
from storage.cases import appeals, messages
from storage.cases.messages import Message
from storage.database import Database
from storage.works import analyses, creators, works

__all__ = ["doubt", "oracle"]  # the fixtures


def told(db: Database, handle: str) -> list[Message]:
    """What a creator was told, the newest first; what is due is sent."""
    verdict_notices.send_due(db, datetime.now(UTC))
    with db.transaction() as conn:
        number = creators.find_creator(conn, handle)
        assert number is not None
        assert conn.execute("select reason from blocked_notices").fetchall() == []
        return messages.page(conn, number)


def test_every_verdict_that_costs_money_has_one_notice(post: Post, db: Database) -> None:
    post(photo("temple"), "alice")
    assert told(db, "alice") == [], "an original costs nothing"
    post(edited(photo("temple"), "resized"), "alice")
    (own,) = told(db, "alice")
    assert own.kind == "own_copy" and "its bonus is half of an original's" in own.body
    assert "free of charge, until" in own.body
    post(edited(photo("temple"), "cropped"), "bob")
    (copy,) = told(db, "bob")
    assert copy.kind == "copy_found"
    assert "goes to alice" in copy.body and "Its bonus is half of an original's" in copy.body
    copied, own = told(db, "alice")
    assert (copied.kind, own.kind) == ("was_copied", "own_copy"), "once each"
    assert "by bob matches your" in copied.body and "of what it earns goes to you" in copied.body


def test_a_source_that_is_none_any_more_is_told_and_the_new_one_too(
    post: Post, db: Database
) -> None:
    post(photo("temple"), "alice")
    other = post(photo("cat"), "carol")
    copy = post(edited(photo("temple"), "cropped"), "bob")
    assert told(db, "alice")[0].kind == "was_copied"
    facts = {
        "viewer_link": "/analyses/1",
        "decided_at": "today",
        "decider": "by maria",
        "case": "1",
        "similarity": "98 %",
        "threshold": "95 %",
        "certainty": "sure.",
        "waits_until": "tomorrow",
    }
    with db.transaction() as conn:
        analysis = analyses.get(conn, UUID(copy["analysis_id"]))
        own, new = (works.get_work(conn, UUID(view["work"]["id"])) for view in (copy, other))
        for source in (new, None):
            tell_sources(conn, analysis, own, source, facts, datetime.now(UTC))
            assert messages.told_sources(conn, own.id) == ({new.creator_id} if source else set())
    assert [notice.kind for notice in told(db, "alice")] == ["copy_ended", "was_copied"]
    assert [notice.kind for notice in told(db, "carol")] == ["copy_ended", "was_copied"]


def test_a_verdict_on_ones_own_work_is_appealed_and_granted(
    post: Post, db: Database, client: TestClient
) -> None:
    post(photo("temple"), "alice")
    own = post(edited(photo("temple"), "resized"), "alice")
    told(db, "alice")
    with db.transaction() as conn:
        conn.execute("delete from outbox")
    key = Platform(db).key("alice", ["read"], creator_id=1)
    filed = client.post(
        "/v1/appeals",
        json={
            "analysis_id": own["analysis_id"],
            "ground": "wrong_match",
            "statement": "Two pictures of one day.",
        },
        headers={"Authorization": f"Bearer {key}"},
    )
    assert filed.status_code == 201, filed.text
    receipt = told(db, "alice")[0]
    assert "its bonus stays half of an original's; no money waits" in receipt.body
    decided = client.post(
        f"/v1/appeals/{filed.json()['id']}/decide",
        json={"outcome": "granted", "convinced": "They are two pictures."},
        headers={"Authorization": "Bearer operator"},
    )
    assert decided.is_success, decided.text
    result = told(db, "alice")[0]
    assert "It earns an original's bonus from now on" in result.body and "$" not in result.body
    again = post(edited(photo("temple"), "reencoded"), "alice")
    assert again["verdict"] == "self_duplicate", "an edit of it is still its creator's own"


def test_a_refused_appeal_on_ones_own_work_moves_no_money(post: Post, db: Database) -> None:
    post(photo("temple"), "alice")
    own = post(edited(photo("temple"), "resized"), "alice")
    told(db, "alice")
    now = datetime.now(UTC)
    with db.transaction() as conn:
        appeal = verdict_appeals.appeal_verdict(
            conn,
            UUID(own["analysis_id"]),
            creator_id=1,
            actor="creator:alice",
            ground="other",
            statement="Mine is another one.",
            now=now,
        )
        verdict_appeals.decide_verdict(
            conn, appeal, granted=False, actor="key:maria", convinced="It is the same.", now=now
        )
        assert appeals.get(conn, appeal).outcome == "refused"
    (result,) = (one for one in told(db, "alice") if one.kind == "appeal_result")
    assert "nothing waited and nothing moves" in result.body and "$" not in result.body


def test_what_costs_nothing_is_refused_without_a_false_word(post: Post, db: Database) -> None:
    original = post(photo("temple"), "alice")
    with pytest.raises(NothingToAppeal, match="earns all that an original earns"):
        _appeal(db, original, "alice")


def test_the_creator_of_what_is_undecided_hears_what_waits_what_helps_and_how_it_ended(
    doubt: Doubt,
) -> None:
    doubt.off_chain()
    (notice,) = told(doubt.db, "bob")
    review = doubt.review
    assert notice.kind == "undecided"
    assert "100 % of what it earns waits" in notice.body and "not taken away" in notice.body
    assert "by alice, 100 % similar" in notice.body
    assert f"/analyses/{review.analysis_id}#review" in notice.body
    with pytest.raises(NothingToAppeal, match=r"decided yet\. 100 % of what it earns waits"):
        _appeal(doubt.db, {"analysis_id": str(doubt.analysis)}, "bob")
    appeals_reviews.lapse_due(doubt.db, review.decide_by)
    ended, _ = told(doubt.db, "bob")
    assert ended.kind == "decided" and "What waited is yours" in ended.body
    assert "Nobody decided it by" in ended.body
    assert len(told(doubt.db, "bob")) == 2, "once"


def test_who_is_called_a_copyist_by_a_person_hears_by_whom(doubt: Doubt) -> None:
    doubt.off_chain()
    told(doubt.db, "bob")
    doubt.decide("derivative", at=datetime.now(UTC) + timedelta(seconds=1))
    notice = told(doubt.db, "bob")[0]
    assert notice.kind == "copy_found" and "Decided by maria." in notice.body


def _appeal(db: Database, analysis: dict[str, Any], handle: str) -> None:
    with db.transaction() as conn:
        number = creators.find_creator(conn, handle)
        assert number is not None
        verdict_appeals.appeal_verdict(
            conn,
            UUID(analysis["analysis_id"]),
            creator_id=number,
            actor=f"creator:{handle}",
            ground="other",
            statement="I disagree.",
            now=datetime.now(UTC),
        )
