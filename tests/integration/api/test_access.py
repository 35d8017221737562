"""API keys over real HTTP handlers and a real database: scopes, creators, limits, revocation."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient
from support.photos import photo

from oracle import app as app_module
from oracle.settings import Settings
from storage import api_keys
from storage.database import Database
from storage.errors import NameTaken, NotFound
from storage.works import creators

Issue = Callable[..., dict[str, str]]


@pytest.fixture
def strict(settings: Settings, db: Database) -> Iterator[TestClient]:
    """The API as strangers meet it: every call takes a key."""
    http = settings.http.model_copy(update={"keys_required": True})
    with TestClient(app_module.create_app(settings.model_copy(update={"http": http}))) as client:
        yield client


@pytest.fixture
def issue(db: Database) -> Issue:
    def make(
        name: str, *scopes: str, creator: str | None = None, per_minute: int = 100
    ) -> dict[str, str]:
        with db.transaction() as conn:
            owner = (
                creators.ensure_creator(conn, creator, creator.encode().ljust(20, b"."), False).id
                if creator
                else None
            )
            secret = api_keys.issue(conn, name, scopes, creator_id=owner, per_minute=per_minute)
        return {"Authorization": f"Bearer {secret}"}

    return make


def upload(client: TestClient, headers: dict[str, str], creator: str | None = None) -> int:
    data = {"creator": creator} if creator else {}
    files = {"file": ("photo.jpg", photo("temple"))}
    return client.post("/upload", files=files, data=data, headers=headers).status_code


def test_without_a_key_everything_but_health_is_refused(strict: TestClient) -> None:
    answer = strict.get("/v1/policy")
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_required"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert upload(strict, {}) == 401
    assert strict.get("/healthz").status_code == 200


def test_a_key_does_what_its_scopes_say(strict: TestClient, issue: Issue) -> None:
    reader, uploader, governor = issue("r", "read"), issue("u", "upload"), issue("g", "govern")
    permission = {"owner": "alice", "licensee": "bob"}
    assert strict.get("/v1/policy", headers=reader).status_code == 200
    assert upload(strict, reader) == 403
    assert upload(strict, uploader) == 202
    assert strict.get("/v1/policy", headers=uploader).status_code == 403
    assert strict.post("/v1/permissions", json=permission, headers=uploader).status_code == 403
    assert strict.post("/v1/permissions", json=permission, headers=governor).status_code == 201
    assert (
        strict.post("/v1/permissions", json=permission, headers=issue("a", "admin")).status_code
        == 201
    )


def test_a_creators_key_posts_for_that_creator_alone(
    strict: TestClient, issue: Issue, db: Database
) -> None:
    alice = issue("alice's phone", "upload", creator="alice")
    assert upload(strict, alice, "mallory") == 403
    assert upload(strict, alice) == 202
    with db.transaction() as conn:
        rows = conn.execute(
            "select handle from works join creators c on c.id = creator_id"
        ).fetchall()
    assert rows == [("alice",)]


def test_two_clients_may_choose_the_same_idempotency_key(
    strict: TestClient, issue: Issue, db: Database
) -> None:
    for name in ("first", "second"):
        assert upload(strict, issue(name, "upload") | {"Idempotency-Key": "1"}) == 202
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (2,)


def test_a_key_that_asks_too_often_waits(strict: TestClient, issue: Issue) -> None:
    eager, other = issue("eager", "read", per_minute=3), issue("other", "read", per_minute=3)
    assert [strict.get("/v1/policy", headers=eager).status_code for _ in range(4)] == [
        200,
        200,
        200,
        429,
    ]
    refused = strict.get("/v1/policy", headers=eager)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["code"] == "too_many_requests"
    assert strict.get("/v1/policy", headers=other).status_code == 200


def test_a_revoked_key_ends_at_once_and_its_name_is_free(
    strict: TestClient, issue: Issue, db: Database
) -> None:
    old = issue("phone", "read")
    with db.transaction() as conn:
        api_keys.revoke(conn, "phone")
    assert strict.get("/v1/policy", headers=old).status_code == 401
    assert strict.get("/v1/policy", headers=issue("phone", "read")).status_code == 200
    with pytest.raises(NameTaken):
        issue("phone", "read")
    with db.transaction() as conn, pytest.raises(NotFound):
        api_keys.revoke(conn, "nobody's")


def test_open_mode_still_takes_a_key_for_what_costs_others(client: TestClient) -> None:
    permission = {"owner": "alice", "licensee": "bob"}
    assert client.get("/v1/policy").status_code == 200
    assert client.post("/v1/permissions", json=permission).status_code == 401
    wrong = {"Authorization": "Bearer cok_wrong"}
    assert client.get("/v1/policy", headers=wrong).status_code == 401
    operator = {"Authorization": "Bearer operator"}
    assert client.post("/v1/permissions", json=permission, headers=operator).status_code == 201


def test_secrets_are_not_stored(issue: Issue, db: Database) -> None:
    secret = issue("x", "read")["Authorization"].split()[1]
    with db.transaction() as conn:
        row = conn.execute("select api_keys::text from api_keys").fetchone()
    assert row is not None
    assert secret not in row[0]


def test_guessing_has_its_limit(settings: Settings, db: Database) -> None:
    http = settings.http.model_copy(update={"keys_required": True, "per_minute": 3})
    with TestClient(
        app_module.create_app(settings.model_copy(update={"http": http})), client=("10.9.8.7", 1)
    ) as client:
        guesses = [
            client.get("/v1/policy", headers={"Authorization": f"Bearer cok_{n}"}).status_code
            for n in range(5)
        ]
    assert guesses == [401, 401, 401, 429, 429]


def test_nobody_takes_anothers_idempotency_key_by_its_name(
    client: TestClient, issue: Issue, db: Database
) -> None:
    owner = issue("owner", "upload")
    with db.transaction() as conn:
        (number,) = conn.execute("select id from api_keys").fetchone() or (0,)
    assert upload(client, {"Idempotency-Key": f"{number}/mine"}) == 202
    assert upload(client, owner | {"Idempotency-Key": "mine"}) == 202
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (2,)


def test_control_characters_in_a_name_are_left_out(client: TestClient, db: Database) -> None:
    files = {"file": ("a\x07b\u0000c.jpg", photo("temple"))}
    answer = client.post("/upload", files=files)
    assert answer.status_code == 202
    assert "\x00" not in answer.json()["work"]["file_name"]


def test_a_browser_signs_in_and_other_sites_cannot_act_by_its_cookie(
    strict: TestClient, issue: Issue
) -> None:
    key = issue("alice's browser", "upload", "read", creator="alice")["Authorization"].split()[1]
    assert strict.post("/sign-in", data={"key": "wrong"}).status_code == 401
    answer = strict.post("/sign-in", data={"key": key}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/creators/alice")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert strict.get("/v1/policy").status_code == 200
    assert upload(strict, {}) == 202
    assert upload(strict, {"Origin": "https://evil.example"}) == 403
    assert upload(strict, {"Sec-Fetch-Site": "cross-site"}) == 403
    assert upload(strict, {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}) == 202
    strict.post("/sign-out")
    assert strict.get("/v1/policy").status_code == 401
