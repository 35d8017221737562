"""From an upload to a verdict, on a real database and real photographs."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgi_correlation_id import correlation_id
from starlette.testclient import TestClient
from support.blobs import content_files
from support.photos import PHOTOS, edited, photo

from oracle.logs import add_request_id
from oracle.settings import Settings
from storage.database import Database

Post = Callable[..., dict[str, Any]]


def rows(db: Database, query: str) -> list[tuple[Any, ...]]:
    with db.transaction() as conn:
        return conn.execute(query).fetchall()


def test_first_original_then_a_copy_is_derivative_of_it(post: Post, db: Database) -> None:
    first = post(photo("temple"), "alice")
    assert (first["verdict"], first["reason"], first["similarity_bps"]) == (
        "original",
        "no_match",
        0,
    )
    copy = post(edited(photo("temple"), "resized"), "bob")
    assert copy["verdict"] == "derivative"
    assert copy["similarity_tier"] == "high"
    assert copy["original"]["work_id"] == first["work"]["id"]
    assert copy["original"]["creator"] == "alice"
    assert copy["redirect_bps"] == 10_000 * (copy["similarity_bps"] - 9_500) // 500
    assert "alice" in copy["explanation"]
    outbox = rows(
        db, "select report->>'outcome', report->>'similarity_bps', status from outbox order by id"
    )
    assert outbox == [("1", "0", "pending"), ("2", str(copy["similarity_bps"]), "pending")]


@pytest.mark.parametrize("kind", ["reencoded", "resized", "cropped", "recoloured"])
def test_plain_copies_are_found(post: Post, kind: str) -> None:
    originals = {
        post(photo(name), "alice")["work"]["id"]: name for name in ("cat", "coffee", "rocket")
    }
    for work_id, name in originals.items():
        copy = post(edited(photo(name), kind), "bob")
        assert copy["verdict"] == "derivative", (name, kind, copy["explanation"])
        assert copy["original"]["work_id"] == work_id


def test_different_pictures_are_all_original(post: Post) -> None:
    for name in PHOTOS:  # two shots of one scene among them
        judged = post(photo(name), f"creator-of-{name}")
        assert judged["verdict"] == "original", (name, judged["explanation"])


def test_of_sixteen_at_once_exactly_one_is_the_original(
    client: TestClient, drain: Callable[[], None]
) -> None:
    def upload(number: int) -> str:
        answer = client.post(
            "/upload", files={"file": photo("cat")}, data={"creator": f"creator-{number}"}
        )
        return str(answer.json()["analysis_id"])

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(upload, range(16)))
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda _: drain(), range(2)))
    verdicts = [client.get(f"/v1/analyses/{i}").json() for i in ids]
    original = [v for v in verdicts if v["verdict"] == "original"]
    assert len(original) == 1
    assert sorted(v["verdict"] for v in verdicts) == ["derivative"] * 15 + ["original"]
    assert {v["original"]["work_id"] for v in verdicts if v["verdict"] == "derivative"} == {
        original[0]["work"]["id"]
    }
    assert sorted(v["work"]["registration"] for v in verdicts) == list(range(1, 17))


def test_my_own_picture_again_is_a_self_duplicate(post: Post) -> None:
    post(photo("coffee"), "alice")
    again = post(edited(photo("coffee"), "reencoded"), "alice")
    assert (again["verdict"], again["redirect_bps"]) == ("self_duplicate", 0)


def test_a_copy_of_a_copy_pays_the_first(post: Post) -> None:
    first = post(photo("rocket"), "alice")
    post(edited(photo("rocket"), "resized"), "bob")
    third = post(edited(photo("rocket"), "recoloured"), "carol")
    assert third["original"]["work_id"] == first["work"]["id"]


def test_a_permission_makes_it_licensed(post: Post, client: TestClient) -> None:
    post(photo("flower"), "alice")
    licence = {"owner": "alice", "licensee": "bob"}
    for headers in ({}, {"Authorization": "Bearer guess"}):
        refused = client.post("/v1/permissions", json=licence, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "key_required")
    granted = client.post(
        "/v1/permissions", json=licence, headers={"Authorization": "Bearer operator"}
    )
    assert granted.status_code == 201
    assert post(edited(photo("flower"), "resized"), "bob")["verdict"] == "licensed"
    assert post(edited(photo("flower"), "resized"), "carol")["verdict"] == "derivative"


def test_a_copy_of_an_unsigned_work_goes_to_review(post: Post, db: Database) -> None:
    post(photo("flower"))
    copy = post(edited(photo("flower"), "reencoded"))
    assert (copy["verdict"], copy["reason"], copy["redirect_bps"]) == (
        "undecided",
        "unknown_creator",
        0,
    )
    assert rows(db, "select report->>'outcome' from outbox order by id desc limit 1") == [("5",)]


def test_a_wallet_address_is_one_creator_however_it_is_written(post: Post) -> None:
    address = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
    post(photo("cat"), address)
    again = post(edited(photo("cat"), "reencoded"), address.lower())
    assert again["verdict"] == "self_duplicate"
    assert again["work"]["account"] == address.lower()


def test_evidence_is_served_to_the_byte_and_repeats_the_decision(
    post: Post, client: TestClient
) -> None:
    post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "cropped"), "bob")
    evidence = client.get(copy["links"]["evidence"]).content
    assert "0x" + hashlib.sha256(evidence).hexdigest() == copy["evidence_hash"]
    document = json.loads(evidence)
    assert document["decision"]["verdict"] == "derivative"
    assert document["channels"]["clip"]["on"] is False
    assert document["channels"]["clip"]["reason"]
    match = document["matches"][0]
    assert match["verified"]
    # the copy was cropped, so a part of the original is missing
    assert 0 < match["reference_coverage"] < 1


def test_an_idempotency_key_returns_the_first_answer(
    post: Post, db: Database, client: TestClient
) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = post(photo("cat"), "alice", **key)
    again = post(photo("cat"), "alice", **key)
    assert again == first
    assert rows(db, "select count(*) from works") == [(1,)]
    other = client.post(
        "/upload", files={"file": photo("coffee")}, data={"creator": "alice"}, headers=key
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_one_idempotency_key_sent_many_times_at_once_makes_one_work(
    client: TestClient, db: Database
) -> None:
    def upload(_: int) -> str:
        answer = client.post(
            "/upload", files={"file": photo("cat")}, headers={"Idempotency-Key": "same"}
        )
        return str(answer.json()["analysis_id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(upload, range(8)))) == 1
    assert rows(db, "select count(*) from works") == [(1,)]
    assert rows(db, "select count(*) from procrastinate_jobs") == [(1,)]


def test_pages_show_the_verdict_and_both_pictures(post: Post, client: TestClient) -> None:
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    page = client.get(copy["links"]["page"]).text
    assert "derivative" in page
    assert f"/works/{first['work']['id']}/preview.jpg" in page
    assert "<polygon" in page
    preview = client.get(f"/works/{first['work']['id']}/preview.jpg")
    assert preview.headers["content-type"] == "image/jpeg"
    assert client.get("/").status_code == 200
    assert client.get("/static/style.css").status_code == 200


def test_a_browser_gets_a_page_that_leads_on_and_a_program_a_problem(client: TestClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/messages", headers=browser)
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "/sign-in?to=/messages" in page.text
    for path, headers in (("/messages", {}), ("/v1/messages", browser)):
        answer = client.get(path, headers=headers)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "key_required"
    assert "script-src" not in page.headers["content-security-policy"]  # default-src is ours alone


def test_an_answer_and_its_logs_have_one_id(client: TestClient) -> None:
    assert add_request_id(None, "", {}) == {}, "outside of a request there is none"
    token = correlation_id.set("abc")
    assert add_request_id(None, "", {}) == {"request_id": "abc"}
    correlation_id.reset(token)
    mine = "0123456789abcdef0123456789abcdef"
    given = client.get("/healthz", headers={"X-Request-ID": mine})
    assert given.headers["x-request-id"] == mine
    given = client.get("/healthz", headers={"X-Request-ID": "no\\id"})
    assert given.headers["x-request-id"] not in ("no\\id", mine)


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(client: TestClient, to: str) -> None:
    answer = client.post("/sign-in", data={"key": "operator", "to": to}, follow_redirects=False)
    assert answer.headers["location"] == "/fraud_alerts"


def test_progress_events_end_with_the_verdict_of_a_failed_analysis(
    client: TestClient, drain: Callable[[], None], settings: Settings, db: Database
) -> None:
    answer = client.post("/upload", files={"file": photo("cat")}).json()
    blobs = settings.data_dir / "blobs"
    for blob in content_files(blobs):
        blob.unlink()
    for _ in range(settings.worker.attempts):
        with db.transaction() as conn:
            conn.execute("update procrastinate_jobs set scheduled_at = null where status = 'todo'")
        drain()
    events = client.get(answer["links"]["events"]).text
    assert '"status":"failed"' in events.replace(" ", "")
    failed = client.get(answer["links"]["self"]).json()
    assert failed["error"]["code"] == "blob_missing"
