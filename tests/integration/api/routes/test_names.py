"""One creator under every spelling: uploads, dashboards, keys, events; and no look-alikes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle.chain.core.ids import escrow_account
from storage import api_keys
from storage.database import Database
from storage.works import creators

Post = Callable[..., dict[str, Any]]
SPELLINGS = ("alice", "ALICE", "@Alice", "Ａｌｉｃｅ", "al\u200bice")
OPERATOR = {"Authorization": "Bearer operator"}


def test_nobody_pays_himself_under_another_spelling(post: Post, client: TestClient) -> None:
    first = post(photo("temple"), "Alice")
    for number, spelling in enumerate(SPELLINGS):
        copy = post(edited(photo("temple"), "resized"), spelling, f"{number}.jpg")
        assert (copy["verdict"], copy["redirect_bps"]) == ("self_duplicate", 0)
        assert copy["work"]["creator"] == first["work"]["creator"] == "Alice"
        assert copy["work"]["account"] == first["work"]["account"]
    for spelling in SPELLINGS:
        view = client.get(f"/api/creators/{spelling}").json()
        assert (view["creator"], view["posts"]) == ("Alice", 1 + len(SPELLINGS))
        # Whichever spelling came first, the account is that of the canonical name.
        assert view["accounts"] == [
            {"account": "0x" + escrow_account("alice").hex(), "name": "alice"}
        ]
    assert "Alice" in client.get("/creators/@ALICE").text


def test_the_account_of_a_name_is_the_name(post: Post) -> None:
    named = post(photo("cat"), "alice")
    by_account = post(photo("coffee"), named["work"]["account"])
    assert by_account["work"]["creator"] == "alice"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("1i1y", "reads as 'Lily', who is registered"),
        ("раураl", "mixes the scripts Cyrillic and Latin and reads as 'paypal'"),
        ("lіly", "mixes the scripts Cyrillic and Latin and reads as 'Lily'"),
    ],
)
def test_look_alikes_are_refused_by_name(
    post: Post, client: TestClient, db: Database, name: str, told: str
) -> None:
    post(photo("cat"), "Lily")
    refused = client.post("/upload", files={"file": photo("coffee")}, data={"creator": name})
    assert (refused.status_code, refused.json()["code"]) == (409, "name_resembles")
    assert told in refused.json()["detail"]
    with db.transaction() as conn:
        assert creators.find_creator(conn, name) is None
        assert conn.execute("select count(*) from works").fetchone() == (1,)


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("modem", "modern"),
        ("player10", "playerlo"),
        ("ကျော်", "မြို့"),
        ("J. R. Smith", "O’Brien"),
        ("0xMaki", "สมชายTV"),
    ],
)
def test_honest_names_are_taken(post: Post, client: TestClient, first: str, name: str) -> None:
    for photograph, creator in (("cat", first), ("coffee", name)):
        assert post(photo(photograph), creator)["work"]["creator"] == creator
        view = client.get(f"/api/creators/{creator}").json()
        assert view["creator"] == creator and " " not in view["links"]["page"]
        assert client.get(view["links"]["self"]).json()["creator"] == creator
        assert client.get(view["links"]["page"]).status_code == 200


def test_a_bad_address_is_no_name(client: TestClient) -> None:
    for address in ("0x" + "ab" * 19, "0x" + "ab" * 21, "0x" + "ab" * 19 + "ag"):
        sent = client.post("/upload", files={"file": photo("cat")}, data={"creator": address})
        assert (sent.status_code, sent.json()["code"]) == (422, "invalid_creator")


def test_a_key_is_of_its_creator_in_every_spelling(client: TestClient, db: Database) -> None:
    with db.transaction() as conn:
        owner = creators.ensure_creator(conn, "Alice", escrow_account("alice"), False)
        creators.ensure_creator(conn, "bob", escrow_account("bob"), False)
        secret = api_keys.issue(conn, "phone", ["upload", "read"], creator_id=owner.id)
    key = {"Authorization": f"Bearer {secret}"}
    files = {"file": photo("cat")}
    for spelling in SPELLINGS:
        sent = client.post("/upload", files=files, data={"creator": spelling}, headers=key)
        assert sent.status_code == 202, sent.text
        notices = client.get("/v1/messages", params={"creator": spelling}, headers=key)
        assert notices.status_code == 200
        seen = client.get("/v1/messages", params={"creator": spelling}, headers=OPERATOR)
        assert seen.status_code == 200
    for stranger in ("bob", "alicia", "two, words"):
        sent = client.post("/upload", files=files, data={"creator": stranger}, headers=key)
        assert (sent.status_code, sent.json()["code"]) == (403, "not_allowed")


def test_events_name_creators_in_any_spelling(post: Post, client: TestClient, db: Database) -> None:
    work = post(photo("cat"), "Alice")["work"]
    now = datetime.now(UTC).isoformat()
    events = [
        {"kind": "follow", "id": "f", "at": now, "creator": "@ALICE", "account": "fan"},
        {
            "kind": "view",
            "id": "v",
            "at": now,
            "post_id": work["post_id"],
            "account": "al\u200bice",
            "watch_s": 9,
        },
    ]
    sent = client.post("/api/engagement", json={"events": events}, headers=OPERATOR)
    assert sent.json()["stored"] == 2
    with db.transaction() as conn:
        alice = creators.find_creator(conn, "alice")
        rows = conn.execute(
            "select kind, creator_id, account from engagement_events order by kind"
        ).fetchall()
    # Her own view is stored as hers, which counting leaves out.
    assert rows == [("follow", alice, "fan"), ("view", alice, "Alice")]
