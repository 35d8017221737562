"""A granted appeal settles the content: no edit of the two is accused again, until a new fact."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle import wiring
from oracle.appeals import claims
from oracle.appeals import verdicts as verdict_appeals
from oracle.jobs import Jobs
from oracle.originality import reanalysis
from oracle.originality.recompute import agrees
from oracle.settings import Settings
from storage.cases import settlements
from storage.database import Database
from storage.works import analyses, creators

Post = Callable[..., dict[str, Any]]
NOW = datetime.now(UTC)


def grant(db: Database, accused: dict[str, Any], creator: str) -> None:
    """The creator appeals, the other side's time passes, a reviewer grants it."""
    with db.transaction() as conn:
        number = creators.find_creator(conn, creator)
        assert number is not None
        appeal = verdict_appeals.appeal_verdict(
            conn,
            UUID(accused["analysis_id"]),
            creator_id=number,
            actor=f"creator:{creator}",
            ground="mine_and_earlier",
            statement="I have the raw file.",
            now=NOW,
        )
        verdict_appeals.decide_verdict(
            conn,
            appeal,
            granted=True,
            actor="key:maria",
            convinced="The raw file is older.",
            now=NOW + timedelta(days=8),
        )


def end(db: Database, work: dict[str, Any], other: dict[str, Any]) -> bool:
    with db.transaction() as conn:
        return settlements.end(
            conn,
            UUID(work["work"]["id"]),
            UUID(other["work"]["id"]),
            by="creator:alice",
            because="A claim with the negative of the picture.",
            now=NOW,
        )


@pytest.fixture
def settled(db: Database, post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
    """Alice's picture, and bob's, which was called a copy of it and is none."""
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    assert copy["verdict"] == "derivative"
    grant(db, copy, "bob")
    return first, copy


@pytest.mark.parametrize("kind", ["cropped", "reencoded", "captioned"])
def test_an_edit_of_the_settled_work_is_not_accused_again(
    settings: Settings,
    db: Database,
    post: Post,
    settled: tuple[dict[str, Any], dict[str, Any]],
    kind: str,
) -> None:
    edit = post(edited(photo("temple"), kind), "bob")
    assert edit["verdict"] == "self_duplicate"
    assert agrees(wiring.make_auditor(settings, db).audit(UUID(edit["analysis_id"]))), (
        "the evidence holds what the rules were given"
    )


def test_an_edit_of_the_other_sides_work_does_not_bring_it_back(
    post: Post, settled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    assert post(edited(photo("temple"), "grey"), "alice")["verdict"] == "self_duplicate"
    assert post(edited(photo("temple"), "cropped"), "bob")["verdict"] == "self_duplicate"


def test_others_and_other_pictures_are_judged_as_before(
    post: Post, settled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    assert post(edited(photo("temple"), "cropped"), "carol")["verdict"] == "derivative"
    post(photo("cat"), "alice")
    assert post(edited(photo("cat"), "cropped"), "bob")["verdict"] == "derivative"


def test_the_settled_work_in_a_corner_of_the_others_excuses_nothing(
    db: Database, post: Post
) -> None:
    post(photo("temple"), "alice")
    with (
        Image.open(io.BytesIO(photo("temple"))) as temple,
        Image.open(io.BytesIO(photo("cat"))) as cat,
    ):
        # half a cat, half of the temple: bob's own work, in which people find no copy
        collage = Image.new("RGB", temple.size)
        collage.paste(cat.resize((temple.width // 2, temple.height)), (0, 0))
        collage.paste(temple.crop((temple.width // 2, 0, *temple.size)), (temple.width // 2, 0))
        sticker = temple.copy()
        sticker.paste(collage.resize((temple.width // 4, temple.height // 4)), (0, 0))
    accused = post(jpeg(collage), "bob")
    assert accused["verdict"] == "derivative"
    grant(db, accused, "bob")
    assert post(jpeg(collage, 70), "bob")["verdict"] == "self_duplicate"
    assert post(jpeg(sticker), "bob")["verdict"] == "derivative"


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def test_a_settlement_survives_that_the_work_is_judged_again(
    client: TestClient,
    db: Database,
    post: Post,
    drain: Callable[[], None],
    settled: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    _, copy = settled
    jobs = Jobs(db.dsn)
    with db.transaction() as conn:
        before = analyses.get(conn, UUID(copy["analysis_id"]))
        again = reanalysis._queue(conn, jobs, before, before.policy)
    drain()
    view = client.get(f"/v1/analyses/{again}").json()
    assert (view["verdict"], view["reason"], view["redirect_bps"]) == ("original", "settled", 0)
    assert "no copy" in view["explanation"]


def test_a_claim_that_a_person_upholds_ends_a_settlement(
    db: Database, post: Post, settled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    first, _ = settled
    edit = post(edited(photo("temple"), "cropped"), "bob")
    now = datetime.now(UTC)
    with db.transaction() as conn:
        alice = creators.find_creator(conn, "alice")
        assert alice is not None
        claim = claims.claim_copy(
            conn,
            Jobs(db.dsn),
            UUID(edit["analysis_id"]),
            UUID(first["work"]["id"]),
            creator_id=alice,
            actor="creator:alice",
            statement="Here is the negative.",
            now=now,
        )
        claims.decide_claim(
            conn,
            claim,
            upheld=True,
            actor="key:maria",
            convinced="The negative is hers.",
            now=now + timedelta(days=8),
            similarity_bps=9_800,
        )
    assert post(edited(photo("temple"), "captioned"), "bob")["verdict"] == "derivative"


def test_a_new_fact_ends_a_settlement_for_every_edit(
    db: Database, post: Post, settled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    first, copy = settled
    edit = post(edited(photo("temple"), "cropped"), "bob")
    assert end(db, edit, first), "what it covers ends it, too"
    assert not end(db, copy, first), "once"
    assert post(edited(photo("temple"), "captioned"), "bob")["verdict"] == "derivative"
    grant_again = post(edited(photo("temple"), "grey"), "bob")
    assert grant_again["verdict"] == "derivative"
    grant(db, grant_again, "bob")
    assert post(edited(photo("temple"), "recoloured"), "bob")["verdict"] == "self_duplicate"


def test_what_an_appeal_cleared_is_no_known_copy(
    db: Database, post: Post, settled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    judged = post(edited(photo("temple"), "recoloured"), "carol")
    with db.transaction() as conn:
        evidence = analyses.get(conn, UUID(judged["analysis_id"])).evidence
    assert evidence is not None
    known = {m["work"]["id"]: m["original"] for m in json.loads(evidence)["matches"]}
    assert known[settled[1]["work"]["id"]]
