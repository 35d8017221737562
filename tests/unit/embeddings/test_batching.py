"""Calls of several threads are joined, answered in order, and fail alone only where they were
alone.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from embeddings.batching import Batcher


def test_results_come_back_to_whom_they_belong() -> None:
    batcher = Batcher(lambda items: [item * 2 for item in items])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: batcher([i, i + 1000]), range(200)))
    assert answers == [[2 * i, 2 * (i + 1000)] for i in range(200)]


def test_calls_that_wait_for_a_running_batch_are_joined() -> None:
    sizes: list[int] = []
    first_runs, go_on = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        sizes.append(len(items))
        first_runs.set()
        go_on.wait(5)
        return items

    batcher = Batcher(work, max_items=4)
    with ThreadPoolExecutor(7) as pool:
        calls = [pool.submit(batcher, [0])]
        first_runs.wait(5)
        calls += [pool.submit(batcher, [i]) for i in range(1, 7)]
        while len(batcher._waiting) < 6:
            time.sleep(0.001)
        go_on.set()
        assert [call.result() for call in calls] == [[i] for i in range(7)]
    assert sizes == [1, 4, 2]


def test_an_error_reaches_every_caller_and_the_next_batch_works() -> None:
    def work(items: list[int]) -> list[int]:
        if 13 in items:
            raise ArithmeticError("unlucky")
        return items

    batcher = Batcher(work)
    with pytest.raises(ArithmeticError, match="unlucky"):
        batcher([13])
    assert batcher([14, 15]) == [14, 15]
    assert batcher([]) == []


def test_one_call_may_be_larger_than_a_batch() -> None:
    assert Batcher(list, max_items=2)([1, 2, 3, 4, 5]) == [1, 2, 3, 4, 5]
