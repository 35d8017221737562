"""What an upload states: stored, shown, filtered by, corrected, and refused by name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from support.photos import photo

from oracle.chain.core.ids import attestation_id, escrow_account, post_id_in
from storage import api_keys
from storage.database import Database
from storage.works import creators

OPERATOR = {"Authorization": "Bearer operator"}
CHAIN_ID, HUB = 31_337, bytes.fromhex("11" * 20)
PLATFORM = b"\x07" * 32
NAME = "0x" + "00" * 31 + "2a"
STATED = {
    "external_id": "p-17",
    "title": "A cat, asleep",
    "audience": "12000",
    "category": "Animals",
    "published_at": "2024-05-01T10:00:00+02:00",
}


@pytest.fixture
def platform(db: Database) -> dict[str, str]:
    """A platform's key, with its name space."""
    with db.transaction() as conn:
        secret = api_keys.issue(conn, "site", ["upload", "read"], namespace=PLATFORM)
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def alice(db: Database) -> dict[str, str]:
    """The key of a creator."""
    with db.transaction() as conn:
        owner = creators.ensure_creator(conn, "alice", escrow_account("alice"), False)
        secret = api_keys.issue(conn, "phone", ["upload", "read"], creator_id=owner.id)
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def upload(client: TestClient) -> Callable[..., Response]:
    def send(
        name: str = "cat",
        headers: dict[str, str] | None = None,
        creator: str = "alice",
        **fields: str,
    ) -> Response:
        form = {"creator": creator, **fields}
        return client.post(
            "/upload", files={"file": photo(name)}, data=form, headers=headers or OPERATOR
        )

    return send


Send = Callable[..., Response]


def refused(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_what_was_stated_is_shown_and_decides_nothing(
    upload: Send, client: TestClient, drain: Callable[[], None]
) -> None:
    first = upload(creator="bob").json()
    second = upload(**STATED).json()
    work = second["work"]
    assert {name: work[name] for name in ("external_id", "title", "category", "audience")} == {
        "external_id": "p-17",
        "title": "A cat, asleep",
        "category": "Animals",
        "audience": 12_000,
    }
    assert work["stated_published_at"] == "2024-05-01T08:00:00Z"
    assert work["published_at"] == work["registered_at"]
    drain()
    # However old it says it is: who came first is first.
    judged = client.get(second["links"]["self"]).json()
    assert judged["verdict"] == "derivative"
    assert judged["original"]["work_id"] == first["work"]["id"]
    assert client.get(f"/v1/works/{work['id']}").json() == work
    page = client.get(second["links"]["page"]).text
    assert "A cat, asleep" in page and "that decides nothing" in page


def test_posts_are_listed_by_category_and_external_id(upload: Send, client: TestClient) -> None:
    upload("cat", **STATED)
    upload("coffee", external_id="p-18", category="Food")
    path = "/api/creators/alice/posts"

    def listed(**query: str) -> list[str]:
        found = client.get(path, params=query, headers=OPERATOR).json()["posts"]
        return [post["external_id"] for post in found]

    assert listed() == ["p-18", "p-17"]
    assert listed(category="animals") == ["p-17"]
    assert listed(external_id="p-18") == ["p-18"]
    assert listed(category="food", external_id="p-17") == []
    shown = client.get(path, params={"external_id": "p-17"}, headers=OPERATOR).json()["posts"][0]
    assert (shown["title"], shown["category"], shown["audience"]) == (
        "A cat, asleep",
        "Animals",
        12_000,
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"titel": "x"}, "unexpected_field"),
        ({"post_id": "0x12"}, "invalid_request"),
        ({"audience": "-1"}, "invalid_request"),
        ({"audience": "many"}, "invalid_request"),
        ({"title": "x" * 201}, "invalid_request"),
        ({"title": "a\x00b"}, "invalid_text"),
        ({"category": "x" * 65}, "invalid_request"),
        ({"external_id": "x" * 129}, "invalid_request"),
        ({"published_at": "2024-05-01T10:00:00"}, "invalid_request"),
        ({"published_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "invalid_request"),
    ],
)
def test_what_is_refused_is_named(
    upload: Send, client: TestClient, db: Database, fields: dict[str, str], code: str
) -> None:
    answer = upload(**fields)
    assert refused(answer) == (422, code)
    assert next(iter(fields)) in answer.text
    body = {"uri": "http://127.0.0.1/x.jpg", **fields}
    by_uri = client.post("/v1/works", json=body, headers=OPERATOR)
    assert refused(by_uri) == (422, code)
    assert next(iter(fields)) in by_uri.text
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (0,)


def test_a_repeated_field_is_refused_by_name(client: TestClient) -> None:
    twice = [
        ("creator", (None, "alice")),
        ("creator", (None, "bob")),
        ("file", ("a", photo("cat"))),
    ]
    for path in ("/upload", "/v1/check"):
        answer = client.post(path, files=twice)
        assert refused(answer) == (422, "unexpected_field")
        assert "'creator' came 2 times" in answer.json()["detail"]
    body = b'{"uri": "https://example.org/a.jpg", "creator": "alice", "creator": "bob"}'
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/works", content=body, headers=headers)
    assert "'creator' came 2 times" in answer.json()["detail"]


def test_empty_fields_of_a_form_are_unsaid(upload: Send) -> None:
    answer = upload(title="", audience="", post_id="", published_at="", external_id="")
    assert answer.status_code == 202 and answer.json()["work"]["title"] is None


def test_an_external_id_is_one_work(upload: Send, db: Database, alice: dict[str, str]) -> None:
    first = upload(**STATED).json()
    again = upload(**STATED | {"title": "Another"})
    assert again.json()["analysis_id"] == first["analysis_id"]
    assert again.json()["work"]["title"] == "A cat, asleep"
    other = upload("coffee", external_id="p-17")
    assert refused(other) == (409, "external_id_taken")
    assert first["work"]["id"] in other.json()["detail"]
    assert refused(upload(creator="bob", external_id="p-17")) == (409, "external_id_taken")
    # Of another poster it is another work.
    hers = upload("coffee", alice, external_id="p-17")
    assert hers.json()["work"]["id"] != first["work"]["id"]
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (2,)


def test_a_repeat_under_a_new_idempotency_key_gets_the_first_answer(
    client: TestClient, upload: Send
) -> None:
    first = upload(**STATED).json()
    headers = OPERATOR | {"Idempotency-Key": "retry"}
    for _ in range(2):
        assert upload("cat", headers, **STATED).json()["analysis_id"] == first["analysis_id"]
    assert refused(upload("cat", headers, external_id="p-18")) == (422, "idempotency_key_reused")


def test_a_platforms_own_post_is_the_one_attested(
    upload: Send, platform: dict[str, str], db: Database, drain: Callable[[], None]
) -> None:
    sent = upload("cat", platform, post_id=NAME, external_id="42")
    post_id = post_id_in(CHAIN_ID, HUB, PLATFORM, bytes.fromhex(NAME[2:]))
    assert sent.json()["work"]["post_id"] == "0x" + post_id.hex()
    drain()
    with db.transaction() as conn:
        row = conn.execute("select request_id, report->>'post_id' from outbox").fetchone()
    assert row is not None
    sha256 = bytes.fromhex(sent.json()["work"]["sha256"])
    assert bytes(row[0]) == attestation_id(CHAIN_ID, HUB, post_id, sha256)
    assert row[1] == "0x" + post_id.hex()
    # A post stays what it is; sent again it is the same.
    assert upload("cat", platform, post_id=NAME).json()["analysis_id"] == sent.json()["analysis_id"]
    for name, creator in (("coffee", "alice"), ("cat", "bob")):
        taken = upload(name, platform, creator, post_id=NAME)
        assert refused(taken) == (409, "post_id_taken")


def test_only_a_key_with_a_name_space_names_a_post(
    upload: Send, alice: dict[str, str], client: TestClient
) -> None:
    for headers in (OPERATOR, alice):
        answer = upload("cat", headers, post_id=NAME)
        assert refused(answer) == (403, "not_allowed")
        assert "--platform" in answer.json()["detail"]
    form = {"post_id": NAME}
    assert client.post("/upload", files={"file": photo("cat")}, data=form).status_code == 403


def test_grades_use_the_audience_that_a_platform_states(
    upload: Send, alice: dict[str, str], platform: dict[str, str], db: Database, client: TestClient
) -> None:
    own = upload("cat", alice, audience="5").json()["work"]
    upload("coffee", platform, audience="7")
    assert own["audience"] == 5
    with db.transaction() as conn:
        rows = conn.execute("select audience from posts order by published_at").fetchall()
    assert rows == [(None,), (7,)]
    path = f"/v1/works/{own['id']}/corrections"
    body = {"audience": 6, "reason": "counted again"}
    assert client.post(path, json=body, headers=alice).json()["audience"] == 6
    client.post(path, json=body | {"audience": 9}, headers=OPERATOR)
    with db.transaction() as conn:
        rows = conn.execute("select audience from posts order by published_at").fetchall()
    assert rows == [(9,), (7,)]


def test_stated_facts_are_corrected_with_a_history(
    upload: Send, client: TestClient, alice: dict[str, str], platform: dict[str, str]
) -> None:
    work = upload("cat", platform, **STATED).json()["work"]
    path = f"/v1/works/{work['id']}/corrections"
    changed = client.post(
        path, json={"title": "Two cats", "category": None, "reason": "miscounted"}, headers=alice
    )
    assert (changed.json()["title"], changed.json()["category"]) == ("Two cats", None)
    client.post(path, json={"external_id": "p-19", "reason": "renumbered"}, headers=platform)
    # What is the same is no correction.
    client.post(path, json={"title": "Two cats", "reason": "again"}, headers=OPERATOR)
    history = client.get(path).json()
    assert [(row["field"], row["before"], row["after"], row["reason"]) for row in history] == [
        ("title", "A cat, asleep", "Two cats", "miscounted"),
        ("category", "Animals", None, "miscounted"),
        ("external_id", "p-17", "p-19", "renumbered"),
    ]
    assert [row["corrected_by"] for row in history] == [
        "creator:alice",
        "creator:alice",
        "key:site",
    ]
    posts = client.get("/api/creators/alice/posts", headers=OPERATOR).json()["posts"]
    assert (posts[0]["title"], posts[0]["external_id"]) == ("Two cats", "p-19")
    # The old id is free, and the new one is taken.
    other = upload("coffee", platform, external_id="p-17").json()["work"]
    taken = client.post(
        f"/v1/works/{other['id']}/corrections",
        json={"external_id": "p-19", "reason": "x"},
        headers=platform,
    )
    assert refused(taken) == (409, "name_taken")


def test_who_may_correct_and_what_may_not_be(
    upload: Send, client: TestClient, alice: dict[str, str], platform: dict[str, str]
) -> None:
    work = upload("cat", creator="bob", title="Mine").json()["work"]
    path = f"/v1/works/{work['id']}/corrections"
    body = {"title": "Theirs", "reason": "x"}
    for headers in (alice, platform, {}):
        assert refused(client.post(path, json=body, headers=headers)) == (403, "not_allowed")
    for field in ("creator", "account", "post_id", "published_at", "sha256"):
        answer = client.post(path, json={field: "alice", "reason": "x"}, headers=OPERATOR)
        assert refused(answer) == (422, "unexpected_field") and field in answer.json()["detail"]
    wrong = client.post(path, json={"creator": "alice", "reason": "x"}, headers=OPERATOR)
    assert "/v1/appeals" in wrong.json()["detail"] and "Nothing was changed" in wrong.text
    assert client.post(path, json={"title": "Theirs"}, headers=OPERATOR).status_code == 422
    assert client.get(path).json() == []
    assert client.get(f"/v1/works/{work['id']}").json()["title"] == "Mine"


def test_erasure_takes_what_was_stated(upload: Send, client: TestClient) -> None:
    work = upload(**STATED).json()["work"]
    path = f"/v1/works/{work['id']}"
    client.post(f"{path}/corrections", json={"title": "Me", "reason": "x"}, headers=OPERATOR)
    client.delete(path, headers=OPERATOR)
    left = client.get(path).json()
    assert [left[name] for name in STATED if name != "published_at"] == [None] * 4
    assert left["stated_published_at"] is None
    assert client.get(f"{path}/corrections").json() == []
    posts = client.get("/api/creators/alice/posts", headers=OPERATOR).json()["posts"]
    assert posts[0]["title"] is None
