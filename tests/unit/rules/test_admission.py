"""Whether one more work is taken in, and when to come again."""

from datetime import UTC, datetime

import pytest

from oracle.rules.admission import QUEUE_RETRY_S, Facts, Full, Limits, retry_after_s, what_is_full

LIMITS = Limits(100, 40, works_a_day=10, bytes_a_day=1000, media_s_a_day=60)


@pytest.mark.parametrize(
    ("facts", "full"),
    [
        (Facts(0, 0, 1, 0, 0), None),
        (Facts(99, 39, 10, 1000, 60_000), None),
        (Facts(100, 0, 1, 0, 0), Full.QUEUE),
        (Facts(99, 40, 1, 0, 0), Full.SHARE),
        (Facts(100, 40, 11, 0, 0), Full.SHARE),
        (Facts(0, 0, 11, 0, 0), Full.WORKS),
        (Facts(0, 0, 10, 1001, 0), Full.BYTES),
        (Facts(0, 0, 10, 0, 60_001), Full.MEDIA),
    ],
)
def test_what_is_full(facts: Facts, full: Full | None) -> None:
    assert what_is_full(facts, LIMITS) is full


def test_without_quotas_only_the_queue_counts() -> None:
    assert what_is_full(Facts(99, 39, 10**9, 10**15, 10**15), Limits(100, 40)) is None
    assert what_is_full(Facts(99, 39, 1, 0, 0), Limits(100, 40, works_a_day=0)) is Full.WORKS


def test_one_poster_never_fills_the_queue_for_others() -> None:
    others = Facts(waiting=40, waiting_own=0, works=1, size_bytes=0, media_ms=0)
    assert what_is_full(Facts(40, 40, 1, 0, 0), LIMITS) is Full.SHARE
    assert what_is_full(others, LIMITS) is None


@pytest.mark.parametrize("full", list(Full))
def test_when_to_come_again(full: Full) -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    expected = QUEUE_RETRY_S if full in (Full.QUEUE, Full.SHARE) else 30
    assert retry_after_s(full, now) == expected
