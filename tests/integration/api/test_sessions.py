"""Sessions of browsers, links of platforms, and keys made over the API."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import photo
from support.platform import Platform

from oracle import app as app_module
from oracle.api import boundary
from oracle.settings import Settings
from storage import api_keys, sessions
from storage.database import Database

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}


def make_key(client: TestClient, name: str, *scopes: str, **more: str) -> str:
    answer = client.post(
        "/v1/keys", json={"name": name, "scopes": list(scopes), **more}, headers=OPERATOR
    )
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


def of_key(client: TestClient, name: str, *scopes: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key(client, name, *scopes, **more)}"}


def sign_in(client: TestClient, key: str) -> None:
    answer = client.post("/sign-in", data={"key": key}, follow_redirects=False)
    assert answer.status_code == 303
    assert key not in answer.headers["set-cookie"], "the key itself is not kept"
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_a_session_ends_with_its_key_and_on_signing_out(client: TestClient) -> None:
    key = make_key(client, "maya", "read", creator="maya")
    sign_in(client, key)
    assert client.get("/v1/licences").status_code == 200
    kept = client.cookies["oracle_session"]
    client.post("/sign-out")
    assert client.get("/v1/licences").status_code == 401
    client.cookies.set("oracle_session", kept)
    assert client.get("/v1/licences").status_code == 401, "it is over, not only forgotten"
    client.cookies.clear()
    sign_in(client, key)
    assert client.delete("/v1/keys/maya", headers=OPERATOR).status_code == 204
    assert client.get("/v1/licences").status_code == 401


def test_a_session_is_over_in_time_and_opens_no_other(
    client: TestClient, platform: Platform, db: Database
) -> None:
    now = datetime.now(UTC)
    make_key(client, "maya", "read", creator="maya")
    with db.transaction() as conn:
        (key,) = api_keys.list_active(conn)
        secret = sessions.start(conn, now, timedelta(hours=12), key_id=key.id)
        assert sessions.find(conn, secret, now + timedelta(hours=11)) is not None
        assert sessions.find(conn, secret, now + timedelta(hours=13)) is None
    refused = client.post("/sign-in", data={"key": secret})
    assert refused.status_code == 401, "a session makes no other"


def test_the_operators_session_ends_with_the_token(client: TestClient, settings: Settings) -> None:
    sign_in(client, "operator")
    kept = client.cookies["oracle_session"]
    assert client.get("/v1/keys").status_code == 200
    http = settings.http.model_copy(update={"admin_token": None})
    with TestClient(app_module.create_app(settings.model_copy(update={"http": http}))) as other:
        other.cookies.set("oracle_session", kept)
        assert other.get("/v1/keys").status_code == 401


def test_a_platform_signs_its_creators_in_by_a_link_that_works_once(
    client: TestClient, post: Post
) -> None:
    platform = {"Authorization": f"Bearer {make_key(client, 'shop', 'platform', 'upload')}"}
    post(photo("cat"), "maya", **platform)
    made = client.post("/v1/sessions", json={"creator": "Maya"}, headers=platform)
    assert made.status_code == 201
    url = made.json()["url"]
    assert client.get(url).status_code == client.get(url).status_code == 200, "looking is free"
    answer = client.post(url, follow_redirects=False)
    assert answer.headers["location"] == "/creators/maya"
    assert client.get("/creators/maya").status_code == 200
    assert client.get("/v1/appeals").json()["appeals"] == []
    assert client.post("/v1/sessions", json={"creator": "maya"}).status_code == 403
    client.cookies.clear()
    assert client.post(url).status_code == 401
    assert client.delete("/v1/keys/shop", headers=OPERATOR).status_code == 204


@pytest.mark.parametrize(
    ("scopes", "creator", "status"),
    [
        (["platform"], "nobody", 404),
        (["platform"], "maya", 403),
        (["read"], "maya", 403),
        (["platform"], "vouched", 403),
    ],
)
def test_whom_a_platform_may_sign_in(
    client: TestClient, post: Post, scopes: list[str], creator: str, status: int
) -> None:
    post(photo("cat"), "maya", **of_key(client, "first", "upload"))
    other = {"Authorization": f"Bearer {make_key(client, 'other', 'upload', 'read')}"}
    assert client.post("/v1/names/vouched/vouchers", headers=other).status_code == 201
    headers = {"Authorization": f"Bearer {make_key(client, 'shop', *scopes)}"}
    answer = client.post("/v1/sessions", json={"creator": creator}, headers=headers)
    assert answer.status_code == status, answer.text


def test_a_platform_signs_nobody_in_who_acts_alone(client: TestClient, post: Post) -> None:
    shop = of_key(client, "shop", "platform", "upload")
    post(photo("cat"), "maya", **shop)
    url = client.post("/v1/sessions", json={"creator": "maya"}, headers=shop).json()["url"]
    make_key(client, "maya's", "read", creator="maya")
    refused = client.post("/v1/sessions", json={"creator": "maya"}, headers=shop)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert client.post(url, follow_redirects=False).status_code == 403, "it is looked at again"
    assert "oracle_session" not in client.cookies
    assert client.post("/v1/names/maya/vouchers", headers=shop).status_code == 403
    assert client.post("/v1/names/maya/vouchers", headers=OPERATOR).status_code == 201
    # Whoever has posted nothing is no platform's either.
    make_key(client, "noor's", "read", creator="noor")
    for headers in (shop, of_key(client, "other", "platform")):
        answer = client.post("/v1/sessions", json={"creator": "noor"}, headers=headers)
        assert answer.status_code == 403


def test_a_session_by_a_link_has_nothing_of_the_platform_and_not_all_of_the_creator(
    client: TestClient, post: Post
) -> None:
    shop = of_key(client, "shop", "platform", "upload", platform="0x" + "07" * 32)
    works = {}
    for creator, picture in (("maya", "cat"), ("noor", "coffee")):
        works[creator] = post(photo(picture), creator, **shop)["work"]["id"]
    for creator, picture in (("maya", "temple"), ("noor", "rocket")):
        made = client.post("/v1/sessions", json={"creator": creator}, headers=shop)
        assert client.post(made.json()["url"]).status_code == 200
        mine = post(photo(picture), **{"Idempotency-Key": "1"})
        assert mine["work"]["creator"] == creator
        named = client.post(
            "/upload", files={"file": photo("brick")}, data={"post_id": "0x" + "01" * 32}
        )
        assert named.status_code == 403, "it names no post of the platform"
        asked = [
            client.delete(f"/v1/works/{works[creator]}"),
            client.put("/v1/webhook", json={"url": "https://example.org/", "creator": creator}),
            client.post("/v1/wallets/challenge", json={"wallet": "0x" + "21" * 20}),
            client.post("/v1/wallets", json={"message": "x", "signature": "0x" + "00" * 65}),
            client.post("/v1/licences", json={"licensee": "noor"}),
            client.delete("/v1/licences/1"),
        ]
        assert {answer.status_code for answer in asked} == {403}
        assert all("creator's own key" in answer.json()["detail"] for answer in asked)
        # After posting on their own they are still the platform's creator.
        client.cookies.clear()
        again = client.post("/v1/sessions", json={"creator": creator}, headers=shop)
        assert again.status_code == 201


def test_another_site_signs_nobody_in_or_out(client: TestClient) -> None:
    key = make_key(client, "maya", "read", creator="maya")
    cross = {"Origin": "https://evil.example"}
    for headers in (cross, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/sign-in", data={"key": key}, headers=headers).status_code == 403
        assert client.post("/sign-in/col_x", headers=headers).status_code == 403
    assert "oracle_session" not in client.cookies
    # Behind a proxy the browser's own word counts, whatever became of Host.
    proxied = {"Origin": "https://public.example", "Sec-Fetch-Site": "same-origin"}
    answer = client.post("/sign-in", data={"key": key}, headers=proxied, follow_redirects=False)
    assert answer.status_code == 303
    kept = client.cookies["oracle_session"]
    client.post("/sign-out")
    client.cookies.set("oracle_session", kept)
    assert client.get("/v1/licences").status_code == 401


def test_one_caller_checks_one_file_and_posts_so_many_at_once(client: TestClient) -> None:
    whose = "anonymous testclient"
    with boundary._checks.taken(whose):
        answer = client.post("/v1/check", files={"file": photo("cat")})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    with ExitStack() as taken:
        for _ in range(boundary.MAX_FILES_OF_ONE):
            taken.enter_context(boundary._bodies.taken(whose))
        answer = client.post("/v1/works", json={"uri": "http://127.0.0.1:9/cat.jpg"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


def test_signing_in_and_out_has_its_limit(settings: Settings) -> None:
    http = settings.http.model_copy(update={"per_minute": 3})
    app = app_module.create_app(settings.model_copy(update={"http": http}))
    with TestClient(app, client=("10.9.8.6", 1)) as client:
        answers = [client.post("/sign-out", follow_redirects=False) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [303] * 3 + [429] * 2


def test_keys_are_made_listed_and_revoked_by_the_operator_alone(client: TestClient) -> None:
    key = make_key(client, "phone", "read", creator="maya")
    assert client.get("/v1/keys").status_code == 401
    mine = {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/keys", headers=mine).status_code == 403
    (listed,) = client.get("/v1/keys", headers=OPERATOR).json()
    assert (listed["name"], listed["scopes"], listed["creator"]) == ("phone", ["read"], "maya")
    assert "secret" not in listed
    again = client.post("/v1/keys", json={"name": "phone", "scopes": ["read"]}, headers=OPERATOR)
    assert again.status_code == 409
    wrong = client.post("/v1/keys", json={"name": "x", "scopes": ["root"]}, headers=OPERATOR)
    assert wrong.status_code == 422
    assert client.delete("/v1/keys/phone", headers=OPERATOR).status_code == 204
    assert client.get("/v1/policy", headers=mine).status_code == 401
