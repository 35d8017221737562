"""Creators sign in by their platform's OpenID provider, a real one on this machine."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
import pytest
import requests
from starlette.testclient import TestClient
from support.photos import photo

from oracle import app as app_module
from oracle.settings import Settings
from storage import api_keys
from storage.database import Database

Post = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def shop(db: Database) -> dict[str, str]:
    with db.transaction() as conn:
        secret = api_keys.issue(conn, "shop", ["platform", "upload"])
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def site(settings: Settings, db: Database, issuer: str) -> Iterator[TestClient]:
    oidc = {"issuer": issuer, "client_id": "oracle", "client_secret": "s3cret", "key": "shop"}
    changed = Settings(**{**settings.model_dump(), "oidc": oidc})
    with TestClient(app_module.create_app(changed)) as client:
        yield client


def signed_in_as(site: TestClient, name: str) -> str:
    """Go to the provider as the browser does, sign in there, and return where it sends back to."""
    assert "/oidc/begin" in site.get("/sign-in").text
    sent = site.get("/oidc/begin", follow_redirects=False)
    assert sent.status_code == 303
    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    answer = requests.post(
        sent.headers["location"], data={"sub": name}, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def provide(issuer: str, name: str) -> None:
    """Tell the provider of a user."""
    answer = requests.put(f"{issuer}/users/{name}", json={"preferred_username": name}, timeout=10)
    assert answer.ok, answer.text


def test_a_creator_of_the_platform_signs_in(
    site: TestClient, post: Post, shop: dict[str, str], issuer: str
) -> None:
    post(photo("cat"), "maya", **shop)
    provide(issuer, "maya")
    back = signed_in_as(site, "maya")
    page = site.get(back)
    assert page.status_code == 200 and "/creators/maya" in page.text
    assert site.get("/v1/licences").status_code == 200
    assert site.get("/creators/maya").status_code == 200
    assert site.post("/v1/licences", json={"licensee": "x"}).status_code == 403, "no key of hers"
    assert site.get(back).status_code == 401, "an answer is good once"


def test_nobody_else_signs_in(
    site: TestClient, post: Post, shop: dict[str, str], issuer: str
) -> None:
    post(photo("cat"), "tom", Authorization="Bearer operator")
    for name in ("tom", "stranger"):
        provide(issuer, name)
    assert site.get(signed_in_as(site, "tom")).status_code == 403, "of another poster"
    assert site.get(signed_in_as(site, "stranger")).status_code == 404
    assert "oracle_session" not in site.cookies


def test_an_answer_of_another_sign_in_is_none(
    site: TestClient, post: Post, shop: dict[str, str], issuer: str
) -> None:
    post(photo("cat"), "maya", **shop)
    provide(issuer, "maya")
    back = signed_in_as(site, "maya")
    site.get("/oidc/begin", follow_redirects=False)  # another one: state and nonce are new
    assert site.get(back).status_code == 401
    site.cookies.clear()
    assert site.get(back).status_code == 401
    assert "oracle_session" not in site.cookies


def test_a_provider_that_is_away_is_said_so(settings: Settings, db: Database) -> None:
    oidc = {"issuer": "http://127.0.0.1:9", "client_id": "oracle", "key": "shop"}
    with TestClient(
        app_module.create_app(Settings(**{**settings.model_dump(), "oidc": oidc}))
    ) as client:
        answer = client.get("/oidc/begin", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
