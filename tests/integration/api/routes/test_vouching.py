"""Platforms that vouch for a name, what others may then not do, and wallets of creators."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle.chain.core.ids import checksummed, escrow_account
from oracle.chain.core.sign_in import SignInMessage
from oracle.originality.naming import ensure_creator
from storage import api_keys
from storage.database import Database
from storage.works import creators

Post = Callable[..., dict[str, Any]]
Keys = Callable[..., dict[str, str]]
OPERATOR = {"Authorization": "Bearer operator"}
WALLET = b"\x21" * 20


@pytest.fixture
def key(db: Database) -> Keys:
    """Make a key: of a creator, or of a platform."""

    def make(name: str, creator: str | None = None, space: int | None = None) -> dict[str, str]:
        with db.transaction() as conn:
            owner = ensure_creator(conn, creator) if creator else None
            space_id = None if space is None else bytes([space]) * 32
            secret = api_keys.issue(
                conn, name, ["upload", "read"], creator_id=owner, namespace=space_id
            )
        return {"Authorization": f"Bearer {secret}"}

    return make


def upload(
    client: TestClient, creator: str, headers: dict[str, str], name: str = "cat"
) -> Response:
    return client.post(
        "/upload", files={"file": photo(name)}, data={"creator": creator}, headers=headers
    )


def vouch(client: TestClient, name: str, headers: dict[str, str]) -> Response:
    return client.post(f"/v1/names/{name}/vouchers", headers=headers)


def test_others_do_not_post_in_a_name_that_a_platform_vouches_for(
    client: TestClient, key: Keys
) -> None:
    mine, theirs = key("mine", space=1), key("theirs", space=2)
    assert vouch(client, "Carol", mine).status_code == 201
    assert upload(client, "@carol", mine).status_code == 202
    refused = upload(client, "CAROL", theirs, "coffee")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert "platform:0x" + "01" * 32 in refused.json()["detail"]
    assert upload(client, "carol", key("phone", "carol"), "coffee").status_code == 202
    assert upload(client, "carol", OPERATOR, "rocket").status_code == 202
    # Another key of the same platform is the same platform.
    assert upload(client, "carol", key("second", space=1), "brick").status_code == 202
    view = client.get("/v1/names/＠carol").json()
    assert (view["name"], [row["by"] for row in view["vouchers"]]) == (
        "Carol",
        ["platform:0x" + "01" * 32],
    )
    assert view["accounts"] == [{"account": "0x" + escrow_account("carol").hex(), "name": "carol"}]
    # The operator may let another one in.
    assert vouch(client, "carol", OPERATOR).status_code == 201


def test_the_chain_is_not_asked_about_a_text_that_is_not_ours(
    client: TestClient, key: Keys
) -> None:
    """No chain is set here: asking it would be an answer of its own."""
    now = datetime.now(UTC)
    message = SignInMessage(
        domain="testserver",
        address=checksummed(b"\xab" * 20),
        statement="I am alice.",
        uri="http://testserver/",
        chain_id=1,
        nonce="0123456789abcdef",
        issued_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    body = {"message": message.text(), "signature": "0x" + "ab" * 130}
    answer = client.post("/v1/wallets", json=body, headers=key("phone", "alice"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_no_platform_vouches_for_a_name_of_others(client: TestClient, key: Keys) -> None:
    mine, theirs, phone = key("mine", space=1), key("theirs", space=2), key("phone", "alice")
    upload(client, "alice", phone)
    assert upload(client, "dave", mine, "coffee").status_code == 202
    for name in ("alice", "dave"):
        answer = vouch(client, name, theirs)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    for headers in (phone, {}):  # a creator's key, and no key
        assert vouch(client, "alice", headers).status_code == 403
    assert vouch(client, "dave", mine).status_code == 201
    assert vouch(client, "dave", mine).status_code == 201
    assert vouch(client, "dave", theirs).status_code == 403


def test_who_vouches_for_both_registers_a_look_alike(
    client: TestClient, post: Post, key: Keys
) -> None:
    mine, theirs = key("mine", space=1), key("theirs", space=2)
    post(photo("cat"), "lily")
    assert vouch(client, "carol", mine).status_code == 201
    for name, headers in (("li1y", mine), ("car0l", theirs), ("cаrol", mine)):
        assert vouch(client, name, headers).json()["code"] == "name_resembles"
    assert vouch(client, "car0l", mine).status_code == 201
    # One that mixes scripts, or is like a name of others, is left to the operator.
    assert vouch(client, "li1y", OPERATOR).status_code == 201
    assert upload(client, "li1y", OPERATOR, "coffee").status_code == 202
    assert vouch(client, "two, words", OPERATOR).json()["code"] == "invalid_creator"
    assert client.get("/v1/names/nina").status_code == 404
    assert vouch(client, "हिन्दी", OPERATOR).status_code == 201


@pytest.mark.parametrize("posted_before", [True, False])
def test_a_wallet_that_acts_for_a_name_is_the_creators(
    client: TestClient, post: Post, db: Database, posted_before: bool
) -> None:
    address = "0x" + WALLET.hex()
    earlier = post(photo("cat"), address) if posted_before else None
    post(photo("temple"), "Alice")
    with db.transaction() as conn:
        alice = creators.find_creator(conn, "alice")
        assert alice is not None
        creators.own_wallet(conn, alice, WALLET)
        creators.own_wallet(conn, alice, WALLET)
        assert creators.find_creator_of(conn, WALLET) == alice
        bob = ensure_creator(conn, "bob")
        creators.own_wallet(conn, bob, WALLET)  # of another named creator it stays
        assert creators.find_creator_of(conn, WALLET) == alice
    copy = post(edited(photo("temple"), "resized"), address)
    assert (copy["verdict"], copy["work"]["creator"]) == ("self_duplicate", "Alice")
    if earlier is not None:  # what it posted before is hers, under the account of then
        shown = client.get(f"/v1/works/{earlier['work']['id']}").json()
        assert (shown["creator"], shown["account"]) == ("Alice", address)
    names = [row["name"] for row in client.get("/v1/names/alice").json()["accounts"]]
    assert names == ["alice", None]
