"""How one event of a batch becomes a row."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from oracle.engagement import events
from oracle.engagement.events import MalformedBatch

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def parse(*entries: Any) -> tuple[list[events.Event], events.Outcome]:
    return events.parse(json.dumps({"events": entries}).encode(), NOW)


def view(**changes: Any) -> dict[str, Any]:
    return {
        "id": "e",
        "kind": "view",
        "at": NOW.isoformat(),
        "post_id": "0x" + "AB" * 32,
        "watch_s": 1.2345,
        "video_s": 30,
    } | changes


def test_seconds_become_whole_milliseconds_and_hex_becomes_bytes() -> None:
    ((found,), _) = parse(view(ip_hash="0A" * 8, account="fan"))
    assert (found.watch_ms, found.length_ms, found.post_id) == (1_234, 30_000, b"\xab" * 32)
    assert (found.ip_hash, found.account, found.device) == (b"\x0a" * 8, "fan", None)


@pytest.mark.parametrize(
    ("referrer", "kept"),
    [
        ("https://Example.ORG/a/b/?user=7#top", "example.org/a/b"),
        ("http://user:secret@example.org:8080/", "example.org"),
        ("android-app://com.example.app", "android-app://com.example.app"),
        ("not a url", None),
        ("https://[broken", None),
        ("https://" + "a" * 600 + ".org/", "a" * 512),
    ],
)
def test_a_referrer_keeps_host_and_path_alone(referrer: str, kept: str | None) -> None:
    ((found,), _) = parse(view(referrer=referrer))
    assert found.referrer == kept


@pytest.mark.parametrize(
    ("referrer", "outside"),
    [
        ("https://www.newspaper.example/front", True),
        ("https://пример.рф/novosti", True),
        ("https://my_blog.tumblr.com/post/1", True),
        ("https://hitleap.com/", True),
        ("https://8.8.8.8/", True),
        ("http://192.168.1.20/wiki", False),
        ("http://[fd00::1]/", False),
        ("http://wiki/page", False),
        ("http://localhost:8080/", False),
        ("capacitor://localhost", False),
        ("tg://resolve", False),
        ("https://m.platform.example/feed", False),
        ("https://notplatform.example/feed", True),
        ("", False),
    ],
)
def test_a_stranger_comes_from_a_page_outside(referrer: str, outside: bool) -> None:
    body = json.dumps({"events": [view(referrer=referrer)]}).encode()
    ((found,), _) = events.parse(body, NOW, ("platform.example",))
    assert found.outside is outside


def test_a_user_agent_has_no_control_characters_and_an_end() -> None:
    ((found,), _) = parse(view(user_agent="Evil\x00\nAgent " + "x" * 600))
    assert found.user_agent is not None
    assert found.user_agent.startswith("Evil Agent x")
    assert len(found.user_agent) == 512


def test_a_senders_id_becomes_the_same_uuid_every_time() -> None:
    number = UUID(int=5)
    assert events.event_uuid(str(number)) == number
    assert (
        events.event_uuid("order 17")
        == events.event_uuid("order 17")
        != events.event_uuid("order 18")
    )
    assert events.event_uuid("x" * 36) != events.event_uuid("y" * 36)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(300, None), (301, "future"), (-30 * 86_400, None), (-30 * 86_400 - 1, "too_old")],
)
def test_the_clock_may_be_a_little_off_and_late_is_not_lost(seconds: int, code: str | None) -> None:
    kept, outcome = parse(view(at=(NOW + timedelta(seconds=seconds)).isoformat()))
    assert dict(outcome.rejected) == ({} if code is None else {code: 1})
    assert len(kept) == (code is None)
    assert outcome.late == (code is None and seconds < -86_400)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"watch_s": float("1e9")}, "watch_s"),
        ({"video_s": 0}, "video_s"),
        ({"post_id": "0xzz"}, "post_id"),
        ({"account": ""}, "account"),
        ({"ip_hash": "192.168.0.1"}, "ip_hash"),
        ({"id": 7}, "id"),
        ({"kind": "stare"}, "stare"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], named: str) -> None:
    kept, outcome = parse(view(**change), view(id="good"))
    assert len(kept) == 1
    (problem,) = outcome.problems
    assert (problem.index, problem.code) == (0, "invalid")
    assert named in problem.detail


def test_only_the_first_problems_are_listed_but_all_are_counted() -> None:
    _, outcome = parse(*(view(watch_s=-1, id=f"e{n}") for n in range(150)))
    assert (outcome.rejected["invalid"], len(outcome.problems)) == (150, events.MAX_PROBLEMS)


def test_a_batch_has_an_end() -> None:
    with pytest.raises(MalformedBatch):
        parse(*([{}] * (events.MAX_EVENTS + 1)))
