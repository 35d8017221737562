"""What several took from a source that nobody here owns accuses nobody."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from support import sounds
from support.photos import edited, photo

from oracle import wiring
from oracle.appeals import verdicts as verdict_appeals
from oracle.jobs import Jobs
from oracle.originality import shared_sources as registry
from oracle.originality.recompute import agrees
from oracle.settings import Settings
from storage.cases import shared_sources
from storage.database import Database
from storage.works import creators, works

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}
NOW = datetime.now(UTC)


def enter(client: TestClient, drain: Callable[[], None], content: bytes, name: str) -> None:
    answer = client.post(
        "/v1/shared-sources",
        files={"file": (name, content)},
        data={"source": "The museum's open collection, no. 42"},
        headers=OPERATOR,
    )
    assert answer.status_code == 202, answer.text
    drain()
    assert client.get(answer.json()["links"]["self"]).json()["verdict"] == "original"


def test_a_painting_of_a_catalogue_is_nobodys(
    settings: Settings, client: TestClient, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    enter(client, drain, photo("temple"), "painting.jpg")
    with db.transaction() as conn:
        notes = conn.execute("select actor from fraud_audit where step = 'share'").fetchall()
    assert notes == [("operator",)]
    for creator, kind in (("alice", "resized"), ("bob", "cropped"), ("carol", "recoloured")):
        judged = post(edited(photo("temple"), kind), creator)
        assert (judged["verdict"], judged["reason"]) == ("original", "shared_source")
        assert judged["redirect_bps"] == 0 and "claimed by nobody here" in judged["explanation"]
        assert agrees(wiring.make_auditor(settings, db).audit(UUID(judged["analysis_id"])))
    # What a creator made of it is theirs all the same.
    over = drawn_over(photo("temple"))
    post(over, "dora")
    stolen = post(edited(over, "reencoded"), "erin")
    assert (stolen["verdict"], stolen["original"]["creator"]) == ("derivative", "dora")


def drawn_over(picture: bytes) -> bytes:
    """Another picture over three fifths of it."""
    with Image.open(io.BytesIO(picture)) as under, Image.open(io.BytesIO(photo("coffee"))) as over:
        both = under.convert("RGB")
        width, height = both.size
        both.paste(over.convert("RGB").resize((width, height * 3 // 5)), (0, height // 5))
        out = io.BytesIO()
        both.save(out, "JPEG", quality=92)
        return out.getvalue()


def test_what_was_judged_before_is_judged_again(
    client: TestClient, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    post(photo("cat"), "alice")
    accused = post(edited(photo("cat"), "cropped"), "bob")
    assert accused["verdict"] == "derivative"
    enter(client, drain, edited(photo("cat"), "resized"), "cat.jpg")
    assert verdicts_of(db, accused)[-1] == ("original", "shared_source")
    (entry,) = client.get("/v1/shared-sources").json()["shared_sources"]
    ended = client.post(
        f"/v1/shared-sources/{entry['id']}/end",
        json={"because": "Alice has the negative."},
        headers=OPERATOR,
    )
    assert ended.status_code == 200, ended.text
    drain()
    assert verdicts_of(db, accused)[-1] == ("derivative", "copy_of_earlier")


def test_what_is_no_longer_nobodys_counts_from_its_true_date(
    client: TestClient, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    author = post(photo("cat"), "alice")
    enter(client, drain, edited(photo("cat"), "resized"), "cat.jpg")
    assert verdicts_of(db, author)[-1] == ("original", "shared_source")
    (entry,) = client.get("/v1/shared-sources").json()["shared_sources"]
    with db.transaction() as conn:
        registry.end(
            conn, Jobs(db.dsn), entry["id"], by="key:maria", because="Alice's own.", now=NOW
        )
    drain()
    assert verdicts_of(db, author)[-1] == ("original", "no_match")
    thief = post(edited(photo("cat"), "cropped"), "bob")
    assert (thief["verdict"], thief["original"]["creator"]) == ("derivative", "alice")
    with db.transaction() as conn:
        work = works.get_work(conn, UUID(entry["work_id"]))
    assert work.dated_at == work.registered_at


def test_a_catalogue_takes_its_own_scope(client: TestClient) -> None:
    answer = client.post(
        "/v1/shared-sources", files={"file": ("a.jpg", photo("cat"))}, data={"source": "a museum"}
    )
    assert answer.status_code == 401


def verdicts_of(db: Database, posted: dict[str, Any]) -> list[tuple[str, str]]:
    with db.transaction() as conn:
        rows = conn.execute(
            "select verdict, reason from analyses where work_id = %s and status = 'decided' order"
            " by decided_at",
            (posted["work"]["id"],),
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


@pytest.fixture
def pictures(db: Database, post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
    first = post(photo("rocket"), "alice")
    accused = post(edited(photo("rocket"), "cropped"), "bob")
    assert accused["verdict"] == "derivative"
    return first, accused


def test_an_appeal_that_both_took_it_elsewhere_frees_everybody(
    settings: Settings,
    db: Database,
    post: Post,
    drain: Callable[[], None],
    pictures: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    other = post(edited(photo("rocket"), "grey"), "carol")
    assert other["verdict"] == "derivative"
    with db.transaction() as conn:
        number = creators.find_creator(conn, "bob")
        assert number is not None
        appeal = verdict_appeals.appeal_verdict(
            conn,
            UUID(pictures[1]["analysis_id"]),
            creator_id=number,
            actor="creator:bob",
            ground="public_domain",
            statement="NASA's public archive, picture KSC-2014",
            now=NOW,
        )
        rechecks = verdict_appeals.decide_verdict(
            conn,
            appeal,
            granted=True,
            actor="key:maria",
            convinced="It is in the archive.",
            now=NOW + timedelta(days=8),
        )
        (entries,) = shared_sources.among(conn, [UUID(pictures[0]["work"]["id"])]).values()
    assert [(entry.origin, entry.source) for entry in entries] == [
        ("appeal", "NASA's public archive, picture KSC-2014")
    ]
    assert UUID(other["analysis_id"]) in rechecks
    later = post(edited(photo("rocket"), "recoloured"), "dora")
    assert (later["verdict"], later["reason"]) == ("original", "shared_source")
    with db.transaction() as conn:
        registry.end_of_appeal(
            conn,
            Jobs(db.dsn),
            appeal,
            by="contract",
            because="The guardian vetoed it.",
            now=NOW + timedelta(days=9),
        )
        assert not shared_sources.among(conn, [UUID(pictures[0]["work"]["id"])])
    drain()
    assert verdicts_of(db, later)[-1][0] == "derivative"


def short(seed: int, advertisement: sounds.Samples) -> bytes:
    """Seven seconds of an own tune, then nine of the advertisement."""
    own = sounds.tune(seed, 8.0)
    return sounds.encoded(np.concatenate([own, advertisement]).astype(np.float32), "flac")


def test_one_advertisement_in_the_shorts_of_many_is_for_people(
    client: TestClient, post: Post
) -> None:
    advertisement = sounds.tune(900, 10.0)
    posts = [
        post(short(seed, advertisement), creator, "short.flac")
        for seed, creator in enumerate(("alice", "bob", "carol", "dora", "erin"))
    ]
    assert posts[0]["verdict"] == "original"
    # Accounts are cheap: however many have it, that makes it nobody's by itself.
    assert [(one["verdict"], one["reason"]) for one in posts[1:]] == [
        ("undecided", "perhaps_shared")
    ] * 4
    assert client.get("/v1/shared-sources").json()["shared_sources"] == []


def test_a_jingle_in_a_programme_accuses_nobody(post: Post) -> None:
    for seconds in (3.0, 8.0, 16.0):
        jingle = sounds.tune(700 + int(seconds), seconds)
        post(sounds.encoded(jingle, "flac"), "alice", "jingle.flac")
        own = sounds.tune(800 + int(seconds), 60.0)
        programme = np.concatenate([jingle, own]).astype(np.float32)
        judged = post(sounds.encoded(programme, "mp3"), f"host {int(seconds)}", "programme.mp3")
        assert judged["verdict"] == "original", judged["explanation"]
