"""HTTP as programs and proxies expect it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import photo

from oracle import app as app_module
from oracle.api.conventions import alias_of, canonical, matches
from oracle.chain.core.ids import escrow_account
from oracle.settings import Settings
from storage import api_keys
from storage.database import Database
from storage.works import creators

OPERATOR = {"Authorization": "Bearer operator"}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/upload", "/v1/uploads"),
        ("/api/creators/alice/posts", "/v1/creators/alice/posts"),
        ("/api/fraud_alerts", "/v1/fraud_alerts"),
        ("/api/works", "/api/works"),
        ("/api/creators_of", "/api/creators_of"),
        ("/uploads", "/uploads"),
        ("/v1/works", "/v1/works"),
    ],
)
def test_a_first_path_is_one_of_today(asked: str, answered: str) -> None:
    assert canonical(asked) == answered
    assert alias_of(answered) == (asked if asked != answered else None)


@pytest.mark.parametrize(
    ("condition", "etag", "same"),
    [
        ('"a"', '"a"', True),
        ('W/"a"', '"a"', True),
        ('"b", W/"a"', 'W/"a"', True),
        ("*", '"a"', True),
        ('"b"', '"a"', False),
        ('"a,b"', '"a"', False),
        ("", '"a"', False),
    ],
)
def test_tags_are_compared_weakly(condition: str, etag: str, same: bool) -> None:
    assert matches(condition, etag) is same


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/", "/openapi.json", "/v1/policy", "/v1/nothing"]
)
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    asked, got = client.head(path), client.get(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers.get("content-type") == got.headers.get("content-type")
    if path != "/readyz":  # which says how long ago things were
        assert asked.headers.get("etag") == got.headers.get("etag")


def test_head_of_a_stream_ends(client: TestClient, post: Callable[..., dict[str, Any]]) -> None:
    number = post(photo("cat"))["analysis_id"]
    answer = client.head(f"/v1/analyses/{number}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_what_a_client_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/v1/policy")
    again = client.get("/v1/policy", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/v1/policy", headers={"If-None-Match": '"another"'})
    assert other.json() == first.json()


def test_a_query_has_known_parameters_once(client: TestClient) -> None:
    for path, name in (
        ("/v1/works?creatr=alice", "creatr"),
        ("/v1/works?limit=1&limit=2", "limit"),
        ("/api/operator_alerts?status=open", "status"),
    ):
        answer = client.get(path, headers=OPERATOR)
        assert (answer.status_code, answer.json()["code"]) == (422, "unexpected_field"), path
        assert repr(name) in answer.json()["detail"]
    assert client.get("/?from=a-letter").status_code == 200, "pages take what links add"


def test_answers_say_what_may_still_be_asked(client: TestClient) -> None:
    first, second = (client.get("/v1/policy").headers for _ in range(2))
    left = [int(headers["ratelimit-remaining"]) for headers in (first, second)]
    assert all(0 < count < 1200 for count in left)
    assert int(first["ratelimit-limit"]) == 1200
    assert 0 <= int(first["ratelimit-reset"]) <= 60


def test_a_problem_names_the_path_that_was_asked_for(client: TestClient) -> None:
    answer = client.get("/api/creators/nobody")
    assert answer.json()["instance"] == "/api/creators/nobody"


@pytest.fixture
def open_to_a_site(settings: Settings, db: Database) -> Iterator[TestClient]:
    http = settings.http.model_copy(update={"cors_origins": ["https://app.example"]})
    with TestClient(app_module.create_app(settings.model_copy(update={"http": http}))) as client:
        yield client


def test_scripts_of_named_sites_may_call(open_to_a_site: TestClient, client: TestClient) -> None:
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization, idempotency-key"
    allowed = open_to_a_site.options("/v1/uploads", headers=asks)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    for refuses, origin in ((open_to_a_site, "https://evil.example"), (client, asks["Origin"])):
        answer = refuses.get("/v1/policy", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


def test_lists_are_paged_and_found_by_what_is_known(
    client: TestClient, drain: Callable[[], None]
) -> None:
    for number, name in enumerate(("cat", "coffee", "rocket")):
        form = {"creator": "alice" if number else "bob", "external_id": f"p-{number}"}
        client.post("/v1/uploads", files={"file": photo(name)}, data=form, headers=OPERATOR)
    drain()
    seen, cursor = [], None
    while True:
        page = client.get(
            "/v1/works", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [work["external_id"] for work in page["works"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ["p-2", "p-1", "p-0"]
    found = client.get("/v1/analyses", params={"external_id": "p-1"}).json()["analyses"]
    assert [(one["creator"], one["base_redirect_bps"]) for one in found] == [("alice", 10_000)]
    whole = client.get(found[0]["links"]["self"]).json()
    assert whole["base_redirect_bps"] == 10_000
    by = {"post_id": found[0]["post_id"], "work_id": found[0]["work_id"], "creator": "Alice"}
    for name, value in by.items():
        listed = client.get("/v1/analyses", params={name: value}).json()["analyses"]
        assert found[0]["analysis_id"] in [one["analysis_id"] for one in listed], name
    absent = {"request_id": "0x" + "00" * 32, "transaction": "11" * 32, "verdict": "derivative"}
    for name, value in absent.items():
        assert client.get("/v1/analyses", params={name: value}).json()["analyses"] == [], name
    first = client.get("/v1/creators", params={"limit": 1}).json()
    assert [one["creator"] for one in first["creators"]] == ["alice"]
    rest = client.get("/v1/creators", params={"cursor": first["next_cursor"]}).json()
    assert [one["creator"] for one in rest["creators"]] == ["bob"]
    assert client.get("/v1/works", params={"creator": "nobody"}).status_code == 404


def test_a_key_lists_what_is_its_own(
    client: TestClient, db: Database, post: Callable[..., dict[str, Any]]
) -> None:
    with db.transaction() as conn:
        here, there = (
            api_keys.issue(conn, name, ["upload", "read"], namespace=bytes([number]) * 32)
            for number, name in enumerate(("here", "there"), 1)
        )
        alice = creators.ensure_creator(conn, "alice", escrow_account("alice"), False)
        own = api_keys.issue(conn, "phone", ["read"], creator_id=alice.id)

    def listed(secret: str, path: str, key: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return len(client.get(path, headers=headers).json()[key])

    sent = client.post(
        "/v1/uploads",
        files={"file": photo("cat")},
        data={"creator": "bob"},
        headers={"Authorization": f"Bearer {here}"},
    )
    assert sent.status_code in (200, 202)
    for path, key in (("/v1/works", "works"), ("/v1/analyses", "analyses")):
        assert [listed(secret, path, key) for secret in (here, there, own)] == [1, 0, 0], path
    known = [listed(secret, "/v1/creators", "creators") for secret in (here, there, own)]
    assert known == [1, 0, 1]
