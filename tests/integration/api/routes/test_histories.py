"""A creator takes a signed history from one installation to another, which checks it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.databases import cloned_database
from support.platform import Platform

from oracle import app as app_module
from oracle.settings import Settings
from storage.database import Database
from storage.embedded import EmbeddedPostgres

NOW = datetime.now(UTC)


@pytest.fixture
def signed(client: TestClient, platform: Platform) -> dict[str, Any]:
    """Maya's history here: one post that was paid, and one that was not."""
    maya = platform.creator("maya")
    post = platform.post(maya, title="Boats", published=NOW - timedelta(days=20))
    platform.grade(post, "A")
    platform.earns(post, 10_000, at=NOW)
    platform.terms(post, final_at=NOW, now=NOW)
    platform.post(maya, published=NOW)
    platform.run(NOW)
    document: dict[str, Any] = client.get("/v1/creators/maya/history").json()
    return document


@pytest.fixture
def elsewhere(
    signed: dict[str, Any],
    postgres_server: EmbeddedPostgres,
    database_template: str,
    tmp_path: Path,
) -> Iterator[tuple[TestClient, Platform]]:
    """Another installation, with a database of its own, that trusts the first."""
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        settings = Settings(
            data_dir=tmp_path / "elsewhere",
            database_url=dsn,
            http={"wait_s": 0, "admin_token": "operator"},
            history={"trusted": {signed["issuer"]: "The boat house"}},
        )
        db = Database(dsn)
        db.open()
        with TestClient(app_module.create_app(settings)) as client:
            yield client, Platform(db)
        db.close()


def key(platform: Platform, name: str, wallet: str | None) -> dict[str, str]:
    """A key of a creator there, with a wallet or without."""
    number = platform.creator(name)
    if wallet:
        with platform.db.transaction() as conn:
            conn.execute(
                "update creators set account = %s, has_wallet = true, account_name = null where"
                " id = %s",
                (bytes.fromhex(wallet[2:]), number),
            )
    return {"Authorization": f"Bearer {platform.key(name, ['read'], creator_id=number)}"}


def test_what_is_signed_is_what_was_shown(signed: dict[str, Any], client: TestClient) -> None:
    paid, young = signed["posts"]
    assert (paid["grade"], paid["verdict"], paid["base"]) == ("A", "original", 10_000)
    assert paid["bonus"] == 2_000
    assert (young["grade"], young["verdict"], young["bonus"]) == (None, None, 0)
    again = client.get("/v1/creators/maya/history").json()
    assert again["issuer"] == signed["issuer"], "the key is kept"


def test_another_installation_checks_and_shows_it(
    signed: dict[str, Any], elsewhere: tuple[TestClient, Platform]
) -> None:
    there, platform = elsewhere
    platform.creator("maya")
    operator = {"Authorization": "Bearer operator"}
    wanted = {"history": signed, "creator": "maya"}
    for _ in range(2):  # the same one twice is one
        answer = there.post("/v1/histories", json=wanted, headers=operator)
        assert answer.status_code == 201, answer.text
    view = answer.json()
    assert (view["name"], view["posts"], view["grades"]) == ("The boat house", 2, {"A": 1})
    assert view["bonus"] == 2_000
    page = there.get("/profiles/maya").text
    assert "The boat house" in page and "It decides nothing here" in page
    assert there.get("/api/creators/maya").json()["totals"]["earned"] == 0


def test_what_was_changed_or_is_of_a_stranger_is_refused(
    signed: dict[str, Any], elsewhere: tuple[TestClient, Platform], client: TestClient
) -> None:
    there, platform = elsewhere
    platform.creator("maya")
    operator = {"Authorization": "Bearer operator"}
    better = {**signed["posts"][0], "bonus": 9_000_000}
    for history in (
        {**signed, "posts": [better]},
        {**signed, "creator": "tom"},
        {**signed, "signature": signed["signature"][:-2] + "00"},
        {**signed, "signature": "0x"},
        {name: value for name, value in signed.items() if name != "issuer"},
        {},
    ):
        answer = there.post(
            "/v1/histories", json={"history": history, "creator": "maya"}, headers=operator
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_history"), answer.text
    untrusted = client.post(  # the first one trusts nobody, not even itself
        "/v1/histories", json={"history": signed, "creator": "maya"}, headers=operator
    )
    assert untrusted.status_code == 403
    assert there.post("/v1/histories", json={"history": signed, "creator": "maya"}).status_code in (
        401,
        403,
    )


def test_a_creator_imports_what_names_a_wallet_of_theirs(
    signed: dict[str, Any], elsewhere: tuple[TestClient, Platform]
) -> None:
    there, platform = elsewhere
    mine = key(platform, "maya", signed["accounts"][0])
    theirs = key(platform, "tom", None)
    assert there.post("/v1/histories", json={"history": signed}, headers=theirs).status_code == 403
    answer = there.post("/v1/histories", json={"history": signed}, headers=mine)
    assert answer.status_code == 201, answer.text
