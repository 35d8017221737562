"""Grading rules change for the future alone, after a dry run that says whom it would touch."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient
from support.platform import Platform, watching

OPERATOR = {"Authorization": "Bearer operator"}
NOW = datetime.now(UTC)
WEIGHTS = {"watch": 3_500, "saves": 2_000, "comments": 2_000, "shares": 1_500, "likes": 1_000}
CUTOFFS = {"A": 8_000, "B": 6_500, "C": 5_000, "D": 3_500}
LATER = (NOW + timedelta(days=1)).isoformat()


def rules(**changes: Any) -> dict[str, Any]:
    return {"weights_bps": WEIGHTS, "cutoffs_bps": CUTOFFS, "note": "A try."} | changes


def test_a_dry_run_says_whom_it_would_touch_and_changes_nothing(
    client: TestClient, platform: Platform
) -> None:
    posts = [
        platform.post(platform.creator(f"c-{n}"), published=NOW - timedelta(days=2))
        for n in range(32)
    ]
    platform.happen(
        *(
            e
            for n, post in enumerate(posts)
            for e in watching(post, 120, share=0.3 + n / 64, at=NOW)
        )
    )
    platform.tick(NOW)
    for post in posts[-3:]:
        platform.earns(post, 10_000)
    before = platform.rows("select grade, count(*) from grades group by 1 order by 1")

    def dry_run(**changes: Any) -> dict[str, Any]:
        answer = client.post("/api/grading/policy/dry-run", json=rules(**changes), headers=OPERATOR)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert dry_run() == {"posts": 32, "changed": 0, "moves": {}, "bonus_minor": 0, "first": []}
    # Nobody saves, comments, shares or likes here, and watching is a third of the score.
    found = dry_run(weights_bps=dict.fromkeys(WEIGHTS, 0) | {"watch": 10_000})
    assert (found["posts"], found["first"][0]["becomes"]) == (32, "A")
    assert found["changed"] == sum(found["moves"].values()) > 10
    assert found["bonus_minor"] == sum(change["bonus_minor"] for change in found["first"]) > 0
    assert platform.rows("select grade, count(*) from grades group by 1 order by 1") == before
    assert platform.rows("select count(*) from grade_policies") == [(1,)]


def test_new_rules_are_a_new_version_with_a_name_behind_it(client: TestClient) -> None:
    answer = client.post(
        "/api/grading/policy", json=rules(effective_from=LATER, min_cohort=50), headers=OPERATOR
    )
    assert answer.status_code == 201, answer.text
    newest, first = client.get("/api/grading/policy").json()
    assert newest == answer.json()
    assert (newest["version"], newest["created_by"], newest["min_cohort"]) == (2, "operator", 50)
    assert (first["version"], first["effective_from"], first["weights_bps"]) == (1, None, WEIGHTS)


@pytest.mark.parametrize(
    "changes",
    [
        {"effective_from": (NOW - timedelta(hours=1)).isoformat()},
        {"weights_bps": WEIGHTS | {"watch": 1}},
        {"cutoffs_bps": CUTOFFS | {"A": 1}},
        {"cutoffs_bps": {"A": 1}},
    ],
)
def test_rules_that_cannot_be_are_refused(client: TestClient, changes: dict[str, Any]) -> None:
    answer = client.post(
        "/api/grading/policy", json=rules(effective_from=LATER) | changes, headers=OPERATOR
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_grade_policy")


def test_a_version_does_not_begin_before_the_one_it_follows(client: TestClient) -> None:
    later = (NOW + timedelta(days=9)).isoformat()
    assert (
        client.post(
            "/api/grading/policy", json=rules(effective_from=later), headers=OPERATOR
        ).status_code
        == 201
    )
    answer = client.post("/api/grading/policy", json=rules(effective_from=LATER), headers=OPERATOR)
    assert answer.json()["code"] == "invalid_grade_policy"


def test_only_governance_changes_rules(client: TestClient, platform: Platform) -> None:
    body = rules(effective_from=LATER)
    assert client.post("/api/grading/policy", json=body).status_code == 401
    reader = {"Authorization": f"Bearer {platform.key('reader', ['read'])}"}
    assert client.post("/api/grading/policy", json=body, headers=reader).status_code == 403
    assert (
        client.post("/api/grading/policy/dry-run", json=rules(), headers=reader).status_code == 403
    )


def test_governance_sees_the_shares_of_bonuses_by_what_posts_are(
    client: TestClient, platform: Platform
) -> None:
    for n, letter in enumerate("AABCF"):
        post = platform.post(
            platform.creator(f"c-{n}"), published=NOW - timedelta(days=n), audience=50 + 100 * n
        )
        platform.grade(post, letter)
    long_ago = platform.post(platform.creator("old"), published=NOW - timedelta(days=31))
    platform.grade(long_ago, "A")
    picture = platform.post(platform.creator("painter"), published=NOW, media_type="image")
    platform.grade(picture, "B")
    with platform.db.transaction() as conn:
        conn.execute("update posts set length_ms = 20000 where audience = 50")
        conn.execute(
            "insert into works (id, registration, registered_at, post_id, media_type, sha256, mime,"
            " size_bytes, blob_key, published_at, file_name, category) values (%s,"
            " nextval('work_registration'), %s, %s, 'image', %s, 'image/png', 1, 'k', %s, 'a.png',"
            " 'cooking')",
            (UUID(int=7), NOW, picture, bytes(32), NOW),
        )
        conn.execute("update posts set work_id = %s where post_id = %s", (UUID(int=7), picture))
    shares = client.get("/api/grading/shares", headers=OPERATOR).json()
    seen = {by: [tuple(kind.values()) for kind in kinds] for by, kinds in shares.items()}
    assert seen == {
        "category": [("cooking", 1, 0, 1), ("not stated", 5, 2, 1)],
        "length": [("image", 1, 0, 1), ("video", 4, 1, 1), ("video, 15 to 60 s", 1, 1, 0)],
        "audience": [
            ("100 to 1 000 followers", 4, 1, 1),
            ("not stated", 1, 0, 1),
            ("to 100 followers", 1, 1, 0),
        ],
    }
    reader = {"Authorization": f"Bearer {platform.key('reader', ['read'])}"}
    assert client.get("/api/grading/shares", headers=reader).status_code == 403
