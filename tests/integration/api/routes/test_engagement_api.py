"""Events and base pay over HTTP: what is taken, what is refused, and what the answer says about
both.
"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import photo
from support.platform import Platform

from storage.ledger import ledger
from storage.works import vouchers

OPERATOR = {"Authorization": "Bearer operator"}
POST = "0x" + "ab" * 32
NOW = datetime.now(UTC)

Sent = dict[str, Any]


def an_event(number: int, kind: str = "like", **fields: Any) -> Sent:
    sent: Sent = {"id": f"e-{number}", "kind": kind, "at": NOW.isoformat(), "account": "fan"}
    if kind in ("view", "like", "save", "share", "comment"):
        sent["post_id"] = POST
    if kind == "view":
        sent |= {"watch_s": 3.5, "video_s": 10}
    return sent | fields


def send(client: TestClient, *events: Sent, **headers: str) -> dict[str, Any]:
    answer = client.post(
        "/api/engagement", json={"events": list(events)}, headers=OPERATOR | headers
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_kind_of_event_is_taken_and_counts_once(
    client: TestClient, platform: Platform
) -> None:
    events = [
        an_event(
            1,
            "view",
            user_agent="Mozilla/5.0",
            referrer="https://Example.org/a/b/?user=7#x",
            ip_hash="ab" * 8,
        ),
        an_event(2),
        an_event(3, "save"),
        an_event(4, "share"),
        an_event(5, "follow", creator="alice"),
        an_event(6, "comment", text_hash="cd" * 16, text_length=40),
        an_event(7, "gift", creator="alice", value_minor=500),
        an_event(8, "sign_up"),
        an_event(9, "login"),
    ]
    first = send(client, *events)
    assert (first["received"], first["stored"], first["duplicates"], first["rejected"]) == (
        9,
        9,
        0,
        {},
    )
    again = send(client, *events, an_event(10))
    assert (again["stored"], again["duplicates"]) == (1, 9)
    assert platform.rows(
        "select watch_ms, length_ms, user_agent, referrer, encode(ip_hash, 'hex') from"
        " engagement_events join engagement_agents a on a.id = agent_id join engagement_referrers"
        " r on r.id = referrer_id"
    ) == [(3_500, 10_000, "Mozilla/5.0", "example.org/a/b", "ab" * 8)]


def test_one_bad_event_costs_nobody_the_others(client: TestClient, platform: Platform) -> None:
    found = send(
        client,
        an_event(1),
        an_event(2, "view", watch_s=-1),
        an_event(3, at=(NOW + timedelta(hours=1)).isoformat()),
        an_event(4, at=(NOW - timedelta(days=31)).isoformat()),
        an_event(5, at=(NOW - timedelta(days=2)).isoformat()),
        an_event(6, at="2026-11-20T10:00:00"),  # no time zone
        an_event(7, "applause"),
        an_event(8, account="a\x00b"),
        {"nothing": True},
        an_event(9, extra="field"),
    )
    assert (found["received"], found["stored"], found["late"]) == (10, 2, 1)
    assert found["rejected"] == {"invalid": 6, "future": 1, "too_old": 1}
    named = {
        problem["index"]: (problem["code"], problem["detail"]) for problem in found["problems"]
    }
    assert set(named) == {1, 2, 3, 5, 6, 7, 8, 9}
    assert named[1][0] == "invalid"
    assert "watch_s" in named[1][1]
    assert "clock" in named[2][1]
    assert found["received"] == found["stored"] + found["duplicates"] + sum(
        found["rejected"].values()
    )
    assert platform.rows("select count(*) from engagement_events") == [(2,)]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": 5}', b"\xff", b'{"events": ["a"'])
def test_what_is_no_batch_is_a_problem_document(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/engagement", content=body, headers=OPERATOR)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_batch")
    assert answer.headers["content-type"] == "application/problem+json"


def test_strangers_and_creators_cannot_report_views(client: TestClient, platform: Platform) -> None:
    batch = {"events": [an_event(1)]}
    assert client.post("/api/engagement", json=batch).json()["code"] == "not_allowed"
    creator, shop = (
        platform.key("for alice", ["upload"], creator="alice"),
        platform.key("platform", ["upload"]),
    )
    refused = client.post("/api/engagement", json=batch, headers=bearer(creator))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert client.post("/api/engagement", json=batch, headers=bearer(shop)).json()["stored"] == 1
    pay = {"earnings": [{"post_id": POST, "week": "2026-11-16", "base_minor": 1}]}
    assert client.post("/api/earnings", json=pay, headers=bearer(shop)).status_code == 403


def test_base_pay_is_announced_by_week(client: TestClient, platform: Platform) -> None:
    signed, unsigned = platform.post(platform.creator("alice")), platform.post(None)
    monday = ledger.week_of(datetime.now(UTC))
    day, week = timedelta(days=1), timedelta(weeks=1)

    def announce(*lines: tuple[bytes, date, object]) -> dict[str, Any]:
        body = {
            "earnings": [
                {"post_id": "0x" + p.hex(), "week": w.isoformat(), "base_minor": b}
                for p, w, b in lines
            ]
        }
        found: dict[str, Any] = client.post("/api/earnings", json=body, headers=OPERATOR).json()
        return found

    found = announce(
        (signed, monday, 100),
        (signed, monday - week + day, 10),  # two rows for one week
        (signed, monday - week + 3 * day, 20),
        (signed, monday - 2 * week + day, 7),
        (unsigned, monday, 1),
        (bytes(32), monday, 1),
        (signed, date(1, 1, 1), 1),
        (signed, monday + week, 1),
        (signed, date(9999, 12, 31), 1),
        (signed, monday - 3 * week, 1_000_001),
    )
    assert (found["new"], found["same"], found["changed"], found["unconfirmed"]) == (2, 0, 0, 1)
    assert [(p["index"], p["code"]) for p in found["problems"]] == [
        (1, "two_lines"),
        (2, "two_lines"),
        (4, "unsigned_post"),
        (5, "unknown_post"),
        (6, "too_long_ago"),
        (7, "not_begun"),
        (8, "not_begun"),
    ]
    assert announce((signed, monday + 2 * day, 100))["same"] == 1
    assert platform.rows("select week, base_minor from earnings order by 1 desc") == [
        (monday, 100),
        (monday - 2 * week, 7),
        (monday - 3 * week, 1_000_001),
    ]
    for no_cents in (True, 1.5, 1.0, "100", None, -1, 10**13):
        assert "detail" in announce((signed, monday, no_cents))
    confirmation = {"post_id": "0x" + signed.hex(), "week": (monday - 3 * week).isoformat()}
    confirmation["base_minor"] = 1_000_001  # type: ignore[assignment]
    boss = bearer(platform.key("boss", ["admin"]))
    for by, codes in ((OPERATOR, ["same_person"]), (boss, [])):
        answer = client.post("/api/earnings/confirm", json=confirmation, headers=by).json()
        assert [problem["code"] for problem in answer["problems"]] == codes


DAY_OF_PAY = {"post_id": POST, "week": "2026-11-16", "base_minor": 1}
CHARGEBACK = {"id": "cb-1", "post_id": POST, "amount_minor": -1, "reason": "Taken."}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        *(
            ("/api/earnings", {"earnings": [DAY_OF_PAY | changed]})
            for changed in (
                {"week": 0},
                {"week": True},
                {"week": 1_764_547_200},
                {"week": "1764547200"},
                {"week": "10000-01-01"},
                {"week": "0000-01-01"},
                {"views": True},
                {"views": 0},
                {"views": 2.0},
            )
        ),
        *(
            ("/api/earnings/confirm", DAY_OF_PAY | changed)
            for changed in ({"base_minor": True}, {"base_minor": 10**30}, {"week": 0})
        ),
        *(
            ("/api/adjustments", CHARGEBACK | {"amount_minor": amount})
            for amount in (True, -1.0, "-1", 10**9 + 1, None)
        ),
    ],
)
def test_money_that_is_not_whole_cents_of_a_day_is_refused(
    client: TestClient, route: str, body: dict[str, Any]
) -> None:
    answer = client.post(route, json=body, headers=OPERATOR)
    assert answer.status_code == 422, answer.text


def test_a_chargeback_is_an_adjustment_with_a_reason(
    client: TestClient, platform: Platform
) -> None:
    post = platform.post(platform.creator("alice"))
    body = {"id": "cb-7", "post_id": "0x" + post.hex(), "amount_minor": -500, "reason": "Taken."}

    def adjust() -> dict[str, Any]:
        answer: dict[str, Any] = client.post("/api/adjustments", json=body, headers=OPERATOR).json()
        return answer

    assert adjust()["code"] == "not_payable"
    platform.terms(post)
    assert [adjust(), adjust()] == [
        {"booked": True, "unconfirmed": False},
        {"booked": False, "unconfirmed": False},
    ]
    body["amount_minor"] = -501
    assert adjust()["code"] == "adjustment_differs"
    assert adjust()["status"] == 409
    body |= {"id": "cb-8", "amount_minor": -1_000_001}
    assert [adjust(), adjust()] == [{"booked": False, "unconfirmed": True}] * 2
    boss = bearer(platform.key("boss", ["admin"]))
    confirmed = client.post("/api/adjustments", json=body, headers=boss).json()
    assert confirmed == {"booked": True, "unconfirmed": False}
    assert platform.rows("select count(*) from fraud_alerts") == [(0,)]


def test_a_platform_describes_its_posts(client: TestClient, platform: Platform) -> None:
    post = platform.post(platform.creator("alice"), title="old", audience=5)
    path = f"/api/posts/0x{post.hex()}"
    assert client.put(path, json={"audience": 9}, headers=OPERATOR).status_code == 204
    assert client.put(path, json={"title": "new"}, headers=OPERATOR).status_code == 204
    assert platform.rows("select title, audience from posts") == [("new", 9)]
    assert client.put(f"/api/posts/{POST}", json={}, headers=OPERATOR).status_code == 404


def test_the_documentation_shows_the_events(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    text = json.dumps(document["paths"]["/api/engagement"]["post"]["requestBody"])
    assert all(name in text for name in ("watch_s", "value_minor", "text_hash"))
    assert "$ref" not in text


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_no_platform_speaks_of_what_another_posted(client: TestClient, platform: Platform) -> None:
    keys = {
        name: {"Authorization": f"Bearer {platform.key(name, ['upload'], namespace=space)}"}
        for name, space in (
            ("ours", b"o" * 32),
            ("our events", b"o" * 32),
            ("theirs", b"t" * 32),
            ("nobody's", None),
        )
    }
    posted = client.post(
        "/upload",
        params={"wait_s": 0},
        files={"file": photo("cat")},
        data={"creator": "alice"},
        headers=keys["ours"],
    )
    assert posted.status_code == 202, posted.text
    work = client.get(posted.json()["links"]["self"], headers=OPERATOR).json()["work"]
    said = {"events": [an_event(1), an_event(2, post_id=work["post_id"])]}
    for name in ("theirs", "nobody's"):
        answer = client.post("/api/engagement", json=said, headers=keys[name]).json()
        assert (answer["rejected"], answer["problems"][0]["index"]) == ({"not_your_post": 1}, 1)
        described = client.put(
            f"/v1/posts/{work['post_id']}", json={"audience": 5}, headers=keys[name]
        )
        assert (described.status_code, described.json()["code"]) == (403, "not_allowed")
    for number, name in enumerate(("ours", "our events")):
        event = an_event(10 + number, post_id=work["post_id"])
        answer = client.post("/api/engagement", json={"events": [event]}, headers=keys[name])
        assert answer.json()["stored"] == 1
        assert client.put(
            f"/v1/posts/{work['post_id']}", json={"audience": 5}, headers=keys[name]
        ).is_success
    assert send(client, an_event(20, post_id=work["post_id"]))["stored"] == 1, "the operator"


def test_who_vouches_for_a_creator_reports_on_what_they_post_themselves(
    client: TestClient, platform: Platform
) -> None:
    alice = platform.creator("alice")
    keys = {
        "alice": {"Authorization": f"Bearer {platform.key('a', ['upload'], creator_id=alice)}"},
        "hers": {"Authorization": f"Bearer {platform.key('p', ['upload'], namespace=b'p' * 32)}"},
        "other": {"Authorization": f"Bearer {platform.key('o', ['upload'], namespace=b'o' * 32)}"},
    }
    posted = client.post(
        "/upload", params={"wait_s": 0}, files={"file": photo("cat")}, headers=keys["alice"]
    )
    assert posted.status_code == 202, posted.text
    work = client.get(posted.json()["links"]["self"], headers=OPERATOR).json()["work"]

    def report(number: int, who: str) -> dict[str, int]:
        said = {"events": [an_event(number, post_id=work["post_id"])]}
        answer = client.post("/api/engagement", json=said, headers=keys[who])
        rejected: dict[str, int] = answer.json()["rejected"]
        return rejected

    assert report(1, "other") == {}, "nobody vouches for her"
    with platform.db.transaction() as conn:  # as the operator lets it
        vouchers.add(conn, alice, f"platform:0x{b'p'.hex() * 32}")
    assert report(2, "other") == {"not_your_post": 1}
    assert report(3, "hers") == {}
