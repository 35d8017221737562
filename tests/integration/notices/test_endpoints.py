"""Webhooks of platforms: who hears of what, signed, retried, replayed, and switched off."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.hooks import HookServer, start
from support.photos import photo

from oracle.client import InvalidWebhookSignature, verify_webhook
from oracle.notices.endpoints import DISABLED_AFTER, EndpointSender, is_given_up
from storage import api_keys, health
from storage.database import Database
from storage.health import Deliveries

OPERATOR = {"Authorization": "Bearer operator"}
NOW = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    server = start()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def keys(db: Database) -> dict[str, dict[str, str]]:
    """The keys of two platforms."""
    with db.transaction() as conn:
        return {
            name: {
                "Authorization": "Bearer "
                + api_keys.issue(
                    conn, name, ["upload", "read", "platform"], namespace=bytes([number]) * 32
                )
            }
            for number, name in enumerate(("here", "there"), 1)
        }


@pytest.fixture
def sender(db: Database) -> EndpointSender:
    return EndpointSender(db, allow_private=True, timeout_s=5)


def sent(sender: EndpointSender) -> int:
    """Let every endpoint that is due have a turn. Returns: how many events arrived."""
    return sum(turn.result(timeout=30) for turn in sender.begin_turns())


def register(client: TestClient, url: str, headers: dict[str, str], *events: str) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"url": url, "events": events}, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_each_platform_hears_of_its_own(
    client: TestClient,
    drain: Callable[[], None],
    hooks: HookServer,
    keys: dict[str, dict[str, str]],
    sender: EndpointSender,
) -> None:
    """An original of one, its copy on the other: both hear of their post, the source of the copy,
    and the operator of all.
    """
    events = ("analysis.decided", "work.matched")
    made = {
        name: register(client, hooks.url(f"/{name}"), headers, *events)
        for name, headers in (keys | {"operator": OPERATOR}).items()
    }
    for name, creator, quality in (("here", "alice", 92), ("there", "bob", 60)):
        client.post(
            "/v1/uploads",
            files={"file": photo("cat", quality=quality)},
            data={"creator": creator, "external_id": f"{creator}-1"},
            headers=keys[name],
        )
        drain()
    assert sent(sender) == 6
    heard: dict[str, list[dict[str, Any]]] = {name: [] for name in made}
    for path, headers, body in hooks.posts:
        name = path.removeprefix("/")
        heard[name].append(verify_webhook(made[name]["secret"], headers, body))
        with pytest.raises(InvalidWebhookSignature):
            verify_webhook(made[name]["secret"], headers, body + b" ")
    told = {
        name: [(e["type"], e["data"]["external_id"]) for e in each] for name, each in heard.items()
    }
    own, copied, copy = (
        ("analysis.decided", "alice-1"),
        ("work.matched", "alice-1"),
        ("analysis.decided", "bob-1"),
    )
    assert told == {"here": [own, copied], "there": [copy], "operator": [own, copy, copied]}
    decided = heard["there"][0]["data"]
    assert (decided["verdict"], decided["redirect_bps"] > 0) == ("derivative", True)
    assert sent(sender) == 0, "nothing is sent twice"


def test_alerts_appeals_and_payouts_are_told(db: Database, client: TestClient) -> None:
    """Every event that can be asked for has a trigger that tells it."""
    with db.transaction() as conn:
        bodies = conn.execute(
            "select string_agg(prosrc, ' ') from pg_proc where proname like 'tell_of_%'"
        ).fetchone()
    listed = client.get("/openapi.json").json()["components"]["schemas"]["NewEndpoint"]
    for event in listed["properties"]["events"]["items"]["enum"]:
        assert bodies is not None
        assert f"'{event}'" in bodies[0], event


def test_what_failed_is_in_the_log_and_is_sent_again(
    client: TestClient,
    db: Database,
    hooks: HookServer,
    keys: dict[str, dict[str, str]],
    sender: EndpointSender,
) -> None:
    here = keys["here"]
    made = register(client, hooks.url("/broken"), here, "analysis.decided")
    path = f"/v1/webhooks/{made['id']}"
    queued = client.post(f"{path}/test", headers=here).json()["delivery_id"]
    assert sent(sender) == 0
    (shown,) = client.get("/v1/webhooks", headers=here).json()["webhooks"]
    assert (shown["failures"], "secret" in shown) == (1, False)
    (logged,) = client.get(f"{path}/deliveries", headers=here).json()["deliveries"]
    assert (logged["id"], logged["status"], logged["tries"]) == (queued, "pending", 1)
    assert logged["last_error"] == "The server answered with status 500."
    assert sent(sender) == 0, "it rests"
    with db.transaction() as conn:
        assert health.platform_deliveries(conn) == Deliveries(1, 0, 1, 0)
    with db.transaction() as conn:  # the server is repaired
        conn.execute("update webhook_endpoints set url = %s", (hooks.url("/whole"),))
        conn.execute("update webhook_endpoints set retry_at = default")
    answer = client.post(f"{path}/deliveries/{queued}/replay", headers=here)
    assert answer.status_code == 202
    assert sent(sender) == 1
    names = [headers["webhook-id"] for _, headers, _ in hooks.posts]
    assert names == [queued, queued], "one id, so that receivers know what they handled"
    done = client.get(f"{path}/deliveries?status=delivered", headers=here).json()["deliveries"]
    assert [one["id"] for one in done] == [queued]


def test_both_secrets_sign_while_one_is_changed(
    client: TestClient, hooks: HookServer, keys: dict[str, dict[str, str]], sender: EndpointSender
) -> None:
    made = register(client, hooks.url("/x"), keys["here"], "analysis.decided")
    path = f"/v1/webhooks/{made['id']}"
    new = client.post(f"{path}/rotate", headers=keys["here"]).json()["secret"]
    assert new != made["secret"]
    client.post(f"{path}/test", headers=keys["here"])
    assert sent(sender) == 1
    ((_, headers, body),) = hooks.posts
    for secret in (new, made["secret"]):
        assert verify_webhook(secret, headers, body)["type"] == "webhook.test"


def test_days_of_failure_switch_it_off_until_its_owner_enables_it(
    client: TestClient,
    db: Database,
    hooks: HookServer,
    keys: dict[str, dict[str, str]],
    sender: EndpointSender,
) -> None:
    here = keys["here"]
    made = register(client, hooks.url("/broken"), here, "analysis.decided")
    path = f"/v1/webhooks/{made['id']}"
    client.post(f"{path}/test", headers=here)
    with db.transaction() as conn:
        conn.execute("update webhook_endpoints set failing_since = now() - %s", (DISABLED_AFTER,))
    sent(sender)
    (shown,) = client.get("/v1/webhooks", headers=here).json()["webhooks"]
    assert shown["disabled_because"] == "No delivery arrived for 5 days."
    refused = client.post(f"{path}/test", headers=here)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    matters = client.get("/v1/operator_alerts", headers=OPERATOR).json()
    assert [matter["kind"] for matter in matters] == ["webhook_disabled"]
    enabled = client.post(f"{path}/enable", headers=here).json()
    assert (enabled["disabled_at"], enabled["failures"]) == (None, 0)


@pytest.mark.parametrize(
    ("since", "given_up"),
    [
        (None, False),
        (NOW, False),
        (NOW - DISABLED_AFTER + timedelta(seconds=1), False),
        (NOW - DISABLED_AFTER, True),
    ],
)
def test_it_is_given_up_after_days(since: datetime | None, given_up: bool) -> None:
    assert is_given_up(since, NOW) is given_up


def test_nobody_sees_anothers_webhooks(client: TestClient, keys: dict[str, dict[str, str]]) -> None:
    made = register(client, "http://127.0.0.1:9/x", keys["here"], "analysis.decided")
    path = f"/v1/webhooks/{made['id']}"
    for asked in (
        client.get(f"{path}/deliveries", headers=keys["there"]),
        client.post(f"{path}/rotate", headers=keys["there"]),
        client.delete(path, headers=keys["there"]),
    ):
        assert asked.status_code == 404
    assert client.get("/v1/webhooks", headers=keys["there"]).json() == {"webhooks": []}
    assert client.get("/v1/webhooks").status_code == 401
    unknown = {"url": "http://127.0.0.1:9/x", "events": ["money.printed"]}
    answer = client.post("/v1/webhooks", json=unknown, headers=keys["here"])
    assert json.loads(answer.text)["code"] == "invalid_request"
    assert client.delete(path, headers=keys["here"]).status_code == 204
    assert client.get("/v1/webhooks", headers=keys["here"]).json() == {"webhooks": []}
