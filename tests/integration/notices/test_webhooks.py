"""Messages to creators' own servers: signed, in parallel, and fair where some hang or fail."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from starlette.testclient import TestClient
from support.cases import Case
from support.hooks import HookServer, start
from support.waiting import wait_for

from oracle.notices import webhooks
from oracle.notices.webhooks import SLOTS, WebhookSender
from storage import api_keys
from storage.cases import messages
from storage.cases import webhooks as hooks
from storage.cases.messages import Message, NewMessage
from storage.cases.webhooks import Receiver
from storage.database import Database
from storage.works import creators

Tell = Callable[..., int]


@pytest.fixture
def tell(db: Database) -> Tell:
    """Register a creator's server and write messages to it. Returns: the creator's id."""

    def write(name: str, url: str, count: int = 1, *, age: timedelta = timedelta()) -> int:
        with db.transaction() as conn:
            account = name.encode().ljust(20, b".")
            creator_id = creators.ensure_creator(conn, name, account, False).id
            webhooks.register(conn, creator_id, url, allow_private=True)
            for number in range(count):
                message = NewMessage(
                    id=uuid4(),
                    creator_id=creator_id,
                    kind="payout_hold",
                    template="test",
                    subject=f"{name} {number}",
                    body="x",
                    facts={},
                    sha256=bytes(32),
                    created_at=datetime.now(UTC) - age,
                )
                messages.add(conn, message)
        return creator_id

    return write


@pytest.fixture
def other_server() -> Iterator[HookServer]:
    """A server of somebody else, on another host."""
    server = start("127.0.0.2")
    yield server
    server.server.shutdown()
    server.server.server_close()


def sent(sender: WebhookSender) -> int:
    """Let every receiver that is due have a turn. Returns: how many messages arrived."""
    return sum(turn.result(timeout=30) for turn in sender.begin_turns())


def rest(db: Database, creator_id: int) -> tuple[int, float]:
    """How often a receiver failed, and how long it rests, in seconds."""
    with db.transaction() as conn:
        row = conn.execute(
            "select failures, extract(epoch from retry_at - now()) from creator_webhooks"
            " where creator_id = %s",
            (creator_id,),
        ).fetchone()
    assert row is not None
    return row[0], float(row[1])


def wake(db: Database) -> None:
    """Let time pass: every receiver and every message is due again."""
    with db.transaction() as conn:
        conn.execute("update creator_webhooks set retry_at = default, sending_until = default")
        conn.execute("update creator_messages set next_try_at = now()")


def test_messages_arrive_signed_at_the_creators_server(
    client: TestClient, case: Case, post_server: HookServer, db: Database
) -> None:
    with db.transaction() as conn:
        key = api_keys.issue(conn, "mine", ["read"], creator_id=case.creator_id)
    url = post_server.url("/hook")
    mine = {"Authorization": f"Bearer {key}"}
    secret = client.put("/v1/webhook", json={"url": url}, headers=mine).json()["secret"]
    case.raise_alert()
    sender = WebhookSender(db, allow_private=True)
    assert (sent(sender), sent(sender)) == (1, 0)
    ((_, headers, body),) = post_server.posts
    by_name = {name.lower(): value for name, value in headers.items()}
    stamp = int(by_name["webhook-timestamp"])
    expected = webhooks.sign(secret, by_name["webhook-id"], stamp, body)
    assert by_name["webhook-signature"] == expected
    assert b"payout_hold" in body
    assert expected != webhooks.sign(secret, by_name["webhook-id"], 0, body)


def test_a_private_server_is_never_reached(
    tell: Tell, post_server: HookServer, db: Database
) -> None:
    tell("alice", post_server.url("/hook"))
    assert sent(WebhookSender(db, allow_private=False)) == 0
    assert post_server.posts == []


def test_one_without_https_is_refused_in_production(case: Case, db: Database) -> None:
    with pytest.raises(webhooks.InvalidWebhook, match="https"), db.transaction() as conn:
        webhooks.register(conn, case.creator_id, "http://example.org/hook")


def test_a_server_that_fails_rests_for_longer_each_time_and_is_asked_once(
    tell: Tell, post_server: HookServer, db: Database
) -> None:
    alice = tell("alice", post_server.url("/broken"), 5)
    sender = WebhookSender(db, allow_private=True)
    for failures in (1, 2, 3):
        assert (sent(sender), sent(sender)) == (0, 0)
        assert len(post_server.posts) == failures  # none of the others was tried
        seen, rests_s = rest(db, alice)
        assert seen == failures
        assert 10 * 2 ** (failures - 1) - 5 < rests_s <= 10 * 2 ** (failures - 1)
        wake(db)
    with db.transaction() as conn:
        hooks.set_webhook(conn, alice, post_server.url("/hook"), "elsewhere", "s" * 40)
    assert rest(db, alice)[0] == 3
    assert sent(sender) == 5  # a new address is tried at once
    assert rest(db, alice)[0] == 0
    order = [body for path, _, body in post_server.posts if path == "/hook"]
    assert [n for body in order for n in range(5) if b'alice %d"' % n in body] == [0, 1, 2, 3, 4]


def test_what_arrives_ends_the_failures_before_it(
    tell: Tell, post_server: HookServer, db: Database
) -> None:
    alice = tell("alice", post_server.url("/hook"), 2)
    sender = WebhookSender(db, allow_private=True)
    with db.transaction() as conn:
        conn.execute("update creator_webhooks set failures = 7")
        (receiver,) = hooks.claim(conn, 1, webhooks.SHARES, webhooks.LEASE)
        messages_ = messages.due(conn, alice, 5)
        # Between the look and the turn nothing may be left to send: that proves nothing.
        conn.execute("update creator_messages set next_try_at = now() + interval '1 hour'")
    assert sender._turn(receiver) == 0
    assert rest(db, alice)[0] == 7

    def break_the_second(message: Message, receiver: Receiver) -> str | None:
        return "refused" if message.id == messages_[1].id else post(message, receiver)

    post = sender._post
    sender._post = break_the_second  # type: ignore[method-assign]
    wake(db)
    assert sent(sender) == 1
    seen, rests_s = rest(db, alice)
    assert seen == 1 and rests_s <= 10


def test_what_is_set_anew_while_it_is_served_is_still_counted(
    tell: Tell, post_server: HookServer, db: Database
) -> None:
    alice = tell("alice", post_server.url("/broken"))
    sender = WebhookSender(db, allow_private=True)
    with db.transaction() as conn:
        (receiver,) = hooks.claim(conn, 1, webhooks.SHARES, webhooks.LEASE)
        hooks.set_webhook(conn, alice, post_server.url("/broken?2"), "elsewhere", "s" * 40)
    assert sender._turn(receiver) == 0
    assert rest(db, alice)[0] == 1
    wake(db)
    assert sent(sender) == 0  # it is not claimed any more
    assert len(post_server.posts) == 2


def test_what_waits_for_days_is_given_up(tell: Tell, post_server: HookServer, db: Database) -> None:
    tell("alice", post_server.url("/broken"), 3, age=webhooks.GIVE_UP_AFTER + timedelta(hours=1))
    assert sent(WebhookSender(db, allow_private=True)) == 0
    assert len(post_server.posts) == 1
    with db.transaction() as conn:
        rows = conn.execute("select delivery, last_error from creator_messages").fetchall()
    assert set(rows) == {("failed", "The server answered with status 500.")}


def test_a_tenant_whose_servers_hang_keeps_nobody_waiting(
    tell: Tell, post_server: HookServer, other_server: HookServer, db: Database
) -> None:
    for number in range(SLOTS + 8):
        tell(f"hanging{number}", other_server.url(f"/hang/{number}"), 3)
    for number in range(20):
        tell(f"good{number}", post_server.url(f"/good/{number}"), 2)
    sender, stop = WebhookSender(db, allow_private=True, timeout_s=60.0), threading.Event()
    running = threading.Thread(target=sender.run, args=(stop,))
    running.start()
    try:
        wait_for(lambda: len(post_server.posts) == 40, timeout_s=50)
        assert len(other_server.posts) <= webhooks.SHARES.of_host
    finally:
        stop.set()
        other_server.released.set()
    running.join(timeout=30)  # a stop waits for the deliveries that began, and begins none
    assert not running.is_alive()


def test_servers_that_hung_before_share_few_slots(
    tell: Tell, post_server: HookServer, db: Database
) -> None:
    hosts = [start(f"127.0.0.{10 + number}") for number in range(12)]
    try:
        ids = [tell(f"slow{number}", host.url("/hang")) for number, host in enumerate(hosts)]
        with db.transaction() as conn:
            conn.execute(
                "update creator_webhooks set failures = 1 where creator_id = any(%s)", (ids,)
            )
        tell("good", post_server.url("/good"))
        sender = WebhookSender(db, allow_private=True, timeout_s=1.0)
        turns = sender.begin_turns()
        assert len(turns) == webhooks.SHARES.failing + 1
        assert sender.begin_turns() == []  # the others wait for these
        assert sum(turn.result(timeout=30) for turn in turns) == 1
        assert len(sender.begin_turns()) == 12 - webhooks.SHARES.failing
    finally:
        for host in hosts:
            host.server.shutdown()
            host.server.server_close()
