"""Whatever is sent, each entry is either kept or counted as rejected, and nothing else happens."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from oracle.engagement import events

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
nearly = st.fixed_dictionaries(
    {
        "id": st.text(max_size=130),
        "kind": st.sampled_from(["view", "like", "gift", "login", "comment"]),
    },
    optional={
        "at": st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat()) | anything,
        "post_id": st.just("0x" + "ab" * 32) | anything,
        "account": st.text(max_size=130) | anything,
        "watch_s": st.floats(-1, 1e6) | anything,
        "value_minor": st.integers() | anything,
        "referrer": st.text() | st.text().map(lambda path: f"https://example.org/{path}"),
        "user_agent": st.text(),
    },
)


@given(st.lists(nearly | anything, max_size=6))
def test_every_entry_is_kept_or_rejected(entries: list[object]) -> None:
    kept, outcome = events.parse(json.dumps({"events": entries}).encode(), NOW)
    assert outcome.received == len(entries) == len(kept) + sum(outcome.rejected.values())
    assert len(outcome.problems) == sum(outcome.rejected.values())
    for event in kept:
        texts = (event.account, event.device, event.user_agent, event.referrer, event.creator)
        assert all("\x00" not in text and len(text) <= 512 for text in texts if text is not None)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_a_body_is_a_batch_or_malformed(body: bytes) -> None:
    try:
        kept, outcome = events.parse(body, NOW)
    except events.MalformedBatch:
        return
    assert len(kept) + sum(outcome.rejected.values()) == outcome.received
