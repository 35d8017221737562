"""What is kept of works that wait, and when a job is tried again."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from procrastinate.jobs import Job
from procrastinate.utils import utcnow

from oracle.jobs import FETCHES, LIVE_NUMBERS, Backoff, RetryLater, RetrySoon
from oracle.originality.turns import HostTurns, KeptExtractions

NOW = datetime.now(UTC)


def test_the_last_in_the_order_goes_first() -> None:
    kept, names = KeptExtractions(2), [uuid4() for _ in range(4)]
    for place in (2, 0, 3, 1):
        kept.keep(names[place], (NOW, place), cast(Any, place))
    assert set(kept.list_if_full()) == {names[0], names[1]}
    assert [kept.take(name) for name in names] == [0, 1, None, None]
    assert kept.take(names[0]) is None, "once"


def test_an_earlier_time_counts_before_a_smaller_number() -> None:
    kept, late, early = KeptExtractions(1), uuid4(), uuid4()
    kept.keep(late, (NOW, 1), cast(Any, "late"))
    kept.keep(early, (NOW - timedelta(seconds=1), 2), cast(Any, "early"))
    assert kept.list_if_full() == [early]


def test_none_is_listed_while_there_is_room() -> None:
    kept = KeptExtractions(2)
    kept.keep(UUID(int=1), (NOW, 1), cast(Any, "one"))
    assert kept.list_if_full() == []


def test_a_missed_turn_is_tried_again_at_once_however_often() -> None:
    turns = HostTurns(1)
    with turns.turn("https://a.example/1"):
        with turns.turn("https://b.example/1"):
            pass
        with pytest.raises(RetrySoon) as missed, turns.turn("https://a.example/2"):
            pass
    job = Job(id=1, queue="fetch", lock=None, queueing_lock=None, task_name="analyse", attempts=9)
    assert wait_s(missed.value, job) <= 1
    assert wait_s(RetryLater("away"), job) > 50


def test_what_was_asked_in_vain_comes_after_what_was_not_asked_yet() -> None:
    first, last = -1, 1 - LIVE_NUMBERS  # priorities of the first and of the last live work
    job = Job(
        id=1,
        queue=FETCHES,
        lock=None,
        queueing_lock=None,
        task_name="analyse",
        priority=first,
        attempts=1,
    )
    for error in (RetryLater("away"), RetrySoon("busy")):
        again = Backoff().get_retry_decision(exception=error, job=job)
        assert again.priority is not None and -(2**31) <= again.priority < last
        job = job.evolve(priority=again.priority)
    waiting = Job(
        id=2, queue="image", lock=None, queueing_lock=None, task_name="analyse", priority=first
    )
    assert Backoff().get_retry_decision(exception=error, job=waiting).priority == first


def wait_s(error: Exception, job: Job) -> float:
    at = Backoff().get_retry_decision(exception=error, job=job).retry_at
    assert at is not None
    return (at - utcnow()).total_seconds()
