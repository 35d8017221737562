"""What is near a work: earlier works it was compared with, and later ones that came near it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from starlette.testclient import TestClient
from support.photos import edited, photo

from storage import api_keys
from storage.database import Database

Post = Callable[..., dict[str, Any]]


OPERATOR = {"Authorization": "Bearer operator"}


def near(
    client: TestClient,
    analysis: dict[str, Any],
    *,
    headers: dict[str, str] = OPERATOR,
    **params: Any,
) -> dict[str, Any]:
    answer = client.get(
        f"/v1/works/{analysis['work']['id']}/neighbours", params=params, headers=headers
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_earlier_and_later_works_are_seen_from_either_side(client: TestClient, post: Post) -> None:
    first = post(photo("temple"), "alice")
    copies = [
        post(edited(photo("temple"), kind), kind) for kind in ("resized", "reencoded", "cropped")
    ]
    post(photo("rocket"), "dave")
    seen = near(client, first)
    assert seen["analysis_id"] == first["analysis_id"] and seen["earlier"] == first["neighbours"]
    by_id = {one["work_id"]: one for one in seen["later"]}
    assert [one["work_id"] for one in seen["later"]] == [
        copy["work"]["id"] for copy in reversed(copies)
    ]
    for copy in copies:
        later = by_id[copy["work"]["id"]]
        assert (later["verdict"], later["similarity_bps"]) == ("derivative", copy["similarity_bps"])
        assert (
            later["analysis_id"] == copy["analysis_id"]
            and later["creator"] == copy["work"]["creator"]
        )
    back = near(client, copies[0])
    assert [one["work_id"] for one in back["earlier"]] == [
        one["work_id"] for one in copies[0]["neighbours"]
    ]
    assert back["earlier"][0]["work_id"] == first["work"]["id"] and back["earlier"][0]["verified"]


def test_pages_go_on_where_the_last_one_ended(client: TestClient, post: Post) -> None:
    first = post(photo("temple"), "alice")
    for kind in ("resized", "reencoded", "cropped"):
        post(edited(photo("temple"), kind), kind)
    whole = [one["work_id"] for one in near(client, first)["later"]]
    paged, cursor = [], {}
    for _ in range(3):
        page = near(client, first, limit=1, **cursor)
        paged += [one["work_id"] for one in page["later"]]
        cursor = {"cursor": page["next_cursor"]}
    assert paged == whole and page["next_cursor"] is None
    bad = client.get(f"/v1/works/{first['work']['id']}/neighbours", params={"cursor": "x"})
    assert bad.json()["code"] == "invalid_cursor"


def test_who_is_accused_of_copying_a_work_is_its_creators_business_and_their_own(
    client: TestClient, post: Post, db: Database
) -> None:
    first = post(photo("temple"), "alice")
    copies = {kind: post(edited(photo("temple"), kind), kind) for kind in ("resized", "reencoded")}
    with db.transaction() as conn:
        numbers = dict(conn.execute("select handle, id from creators").fetchall())
        post_as = {
            name: {
                "Authorization": "Bearer"
                f" {api_keys.issue(conn, name, ['read'], creator_id=numbers[name])}"
            }
            for name in ("alice", "resized")
        }
        post_as["platform"] = {
            "Authorization": f"Bearer {api_keys.issue(conn, 'platform', ['read'])}"
        }
    seen = {
        name: {one["creator"] for one in near(client, first, headers=h)["later"]}
        for name, h in post_as.items()
    }
    assert seen == {
        "alice": {"resized", "reencoded"},
        "platform": {"resized", "reencoded"},
        "resized": {"resized"},
    }
    assert near(client, first, headers={})["later"] == [], "without a key nobody is named"
    with db.transaction() as conn:
        conn.execute(
            "insert into not_copies (work_id, other_work_id, sha256, other_sha256, decided_by,"
            " decided_at) select a.id, b.id, a.sha256, b.sha256, 'reviewer', now() from works a,"
            " works b where a.id = %s and b.id = %s",
            (copies["resized"]["work"]["id"], first["work"]["id"]),
        )
    assert {one["creator"] for one in near(client, first)["later"]} == {"reencoded"}
    assert first["work"]["id"] not in {
        one["work_id"] for one in near(client, copies["resized"])["earlier"]
    }
    assert [one["creator"] for one in near(client, first, limit=1)["later"]] == ["reencoded"]


def test_what_was_erased_is_nobodys_neighbour(client: TestClient, post: Post) -> None:
    operator = {"Authorization": "Bearer operator"}
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    client.delete(f"/v1/works/{copy['work']['id']}", headers=operator)
    assert near(client, first)["later"] == []
    assert client.get(f"/v1/works/{copy['work']['id']}/neighbours").status_code == 404
    second = post(edited(photo("temple"), "reencoded"), "carol")
    client.delete(f"/v1/works/{first['work']['id']}", headers=operator)
    assert first["work"]["id"] not in {one["work_id"] for one in near(client, second)["earlier"]}
    assert client.get(f"/v1/works/{uuid4()}/neighbours").status_code == 404


def test_a_work_without_a_verdict_has_none_yet(client: TestClient) -> None:
    queued = client.post("/upload", files={"file": photo("cat")}, data={"creator": "alice"}).json()
    found = near(client, queued)
    assert (found["analysis_id"], found["earlier"], found["later"]) == (None, [], [])
