"""Licences that a creator grants for works of their own, and ends."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform

from oracle.api.routes.licences import MAX_EXCLUDED

Post = Callable[..., dict[str, Any]]
Headers = dict[str, str]


def _upper_half(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return _png(picture.crop((0, 0, picture.width, picture.height // 2)))


def _beside(jpeg: bytes, other: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as left, Image.open(io.BytesIO(other)) as right:
        both = Image.new("RGB", (2 * left.width, left.height))
        both.paste(left, (0, 0))
        both.paste(right.resize(left.size), (left.width, 0))
        return _png(both)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def alice(platform: Platform, post: Post) -> tuple[Headers, dict[str, Any]]:
    work = post(photo("flower"), "alice")["work"]
    post(photo("cat"), "bob")
    with platform.db.transaction() as conn:
        row = conn.execute("select id from creators where handle = 'alice'").fetchone()
    assert row is not None
    return {"Authorization": f"Bearer {platform.key('alice', ['read'], creator_id=row[0])}"}, work


def test_a_licence_counts_until_it_ends(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post
) -> None:
    headers, work = alice
    copy = edited(photo("flower"), "resized")
    granted = client.post(
        "/v1/licences", json={"licensee": "BOB", "work_id": work["id"]}, headers=headers
    )
    assert granted.status_code == 201
    assert (granted.json()["owner"], granted.json()["licensee"]) == ("alice", "bob")
    assert post(copy, "bob")["verdict"] == "licensed"
    path = f"/v1/licences/{granted.json()['id']}"
    assert client.delete(path, headers=headers).status_code == 204
    assert client.delete(path, headers=headers).status_code == 404
    assert post(edited(photo("flower"), "cropped"), "bob")["verdict"] == "derivative"
    (listed,) = client.get("/v1/licences", headers=headers).json()
    assert listed["revoked_at"] is not None
    again = client.post(
        "/v1/licences", json={"licensee": "bob", "work_id": work["id"]}, headers=headers
    )
    assert (again.json()["id"], again.json()["revoked_at"]) == (listed["id"], None)


def test_nobody_grants_what_is_not_theirs(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post
) -> None:
    headers, _ = alice
    theirs = post(photo("coffee"), "carol")["work"]["id"]
    for body, status in (
        ({"licensee": "bob", "work_id": theirs}, 404),
        ({"licensee": "nobody"}, 404),
        ({"licensee": "alice"}, 403),
    ):
        assert client.post("/v1/licences", json=body, headers=headers).status_code == status
    for other in ({}, {"Authorization": "Bearer operator"}):
        refused = client.post("/v1/licences", json={"licensee": "bob"}, headers=other)
        assert refused.status_code in (401, 403)
    assert client.get("/v1/licences", headers=headers).json() == []


def test_everybody_may_remix_and_nobody_repost(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post
) -> None:
    headers, work = alice
    terms = {"work_id": work["id"], "max_share_bps": 6000, "note": "Name me."}
    granted = client.post("/v1/licences", json=terms, headers=headers)
    assert (granted.status_code, granted.json()["licensee"]) == (201, None)
    assert post(edited(photo("flower"), "resized"), "bob")["verdict"] == "derivative"
    remix = post(_beside(photo("flower"), photo("temple")), "carol")
    assert (remix["verdict"], remix["reason"]) == ("licensed", "permission")
    public = client.get("/v1/names/alice", headers=headers).json()["licences"]
    assert [(one["note"], one["max_share_bps"]) for one in public] == [("Name me.", 6000)]
    assert client.delete(f"/v1/licences/{granted.json()['id']}", headers=headers).status_code == 204
    assert client.get("/v1/names/alice", headers=headers).json()["licences"] == []


def test_a_part_left_to_others_accuses_nobody_and_frees_no_other_copy(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post
) -> None:
    headers, work = alice
    left = {"work_id": work["id"], "left": 0, "top": 0, "right": 1, "bottom": 0.55}
    why = {"because": "A template of a shop."}
    upper = _upper_half(photo("flower"))
    entered = client.post("/v1/exclusions", json=left | why, headers=headers)
    assert entered.status_code == 201, entered.text
    assert client.post("/v1/exclusions", json=left | why, headers=headers).status_code == 409
    shared = post(upper, "bob")
    assert (shared["verdict"], shared["reason"]) == ("original", "shared_source")
    assert post(edited(photo("flower"), "resized"), "carol")["verdict"] == "derivative"
    path = f"/v1/exclusions/{entered.json()['id']}"
    assert client.delete(path, headers=headers).status_code == 204
    assert client.get("/v1/exclusions", headers=headers).json() == []
    assert post(edited(upper, "resized"), "dave")["verdict"] == "derivative"


def test_who_copied_cannot_free_others_from_whom_he_copied(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post, platform: Platform
) -> None:
    copy = post(edited(photo("flower"), "resized"), "bob")["work"]
    with platform.db.transaction() as conn:
        row = conn.execute("select id from creators where handle = 'bob'").fetchone()
    assert row is not None
    bob = {"Authorization": f"Bearer {platform.key('bob', ['read'], creator_id=row[0])}"}
    everything = {"work_id": copy["id"], "left": 0, "top": 0, "right": 1, "bottom": 1}
    entered = client.post(
        "/v1/exclusions", json=everything | {"because": "From a shop."}, headers=bob
    )
    assert entered.status_code == 201
    assert client.post("/v1/licences", json={"note": "Free!"}, headers=bob).status_code == 201
    third = post(edited(photo("flower"), "cropped"), "carol")
    assert (third["verdict"], third["original"]["creator"]) == ("derivative", "alice")


def test_no_part_that_is_none(
    client: TestClient, alice: tuple[Headers, dict[str, Any]], post: Post
) -> None:
    headers, work = alice
    theirs = post(photo("coffee"), "carol")["work"]["id"]
    rectangle = {"left": 0, "top": 0, "right": 0.5, "bottom": 0.5}
    for body, status in (
        ({"work_id": work["id"], "start_s": 0, "end_s": 1}, 422),
        ({"work_id": work["id"], "left": 0.5, "top": 0, "right": 0.5, "bottom": 1}, 422),
        ({"work_id": work["id"], **rectangle, "start_s": 0, "end_s": 1}, 422),
        ({"work_id": work["id"]}, 422),
        ({"work_id": theirs, **rectangle}, 404),
    ):
        refused = client.post(
            "/v1/exclusions", json=body | {"because": "A template."}, headers=headers
        )
        assert refused.status_code == status, refused.text
    assert client.get("/v1/exclusions", headers=headers).json() == []


def test_the_page_grants_to_everybody_and_leaves_a_part_to_others(
    client: TestClient, alice: tuple[Headers, dict[str, Any]]
) -> None:
    headers, work = alice
    form = client.get("/licences", params={"work": work["id"]}, headers=headers).text
    assert 'name="left"' in form and 'name="start_s"' not in form
    terms = {"work_id": work["id"], "most_percent": "62.5", "note": "Name me."}
    client.post("/licences", data=terms, headers=headers)
    part = {"left": "0", "top": "0", "right": "100", "bottom": "25"}
    because = {"work_id": work["id"], "because": "The sky of a stock picture."}
    client.post("/exclusions", data=part | because, headers=headers)
    listed = client.get("/licences", headers=headers).text
    assert "everybody" in listed and "62.5" in listed
    assert "The sky of a stock picture." in listed and "25" in listed
    (exclusion,) = client.get("/v1/exclusions", headers=headers).json()
    client.post(f"/exclusions/{exclusion['id']}/end", headers=headers)
    assert client.get("/v1/exclusions", headers=headers).json() == []


def test_nobody_has_copies_judged_again_for_ever(
    client: TestClient, alice: tuple[Headers, dict[str, Any]]
) -> None:
    headers, work = alice
    for number in range(MAX_EXCLUDED + 1):
        body = {"work_id": work["id"], "left": 0, "top": 0, "right": 0.5, "bottom": 0.1}
        entered = client.post("/v1/exclusions", json=body | {"because": "A bar."}, headers=headers)
        assert entered.status_code == (201 if number < MAX_EXCLUDED else 409)
        if entered.is_success:
            client.delete(f"/v1/exclusions/{entered.json()['id']}", headers=headers)
