"""Licences that a creator grants for works of their own, and ends."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform

Post = Callable[..., dict[str, Any]]
Headers = dict[str, str]


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
