"""Waiting for a run that began after one asked."""

import threading

from oracle.chain.devnet.tickets import Tickets


def test_nobody_waits_at_first() -> None:
    assert Tickets().waiting() is None


def test_a_run_that_began_before_the_question_does_not_answer_it() -> None:
    tickets = Tickets()
    assert not tickets.request_and_wait(0)  # gave up, but has asked
    begun_with = tickets.waiting()
    assert begun_with is not None
    answers: list[bool] = []
    late = threading.Thread(target=lambda: answers.append(tickets.request_and_wait(10)))
    late.start()
    while tickets.waiting() == begun_with:
        pass
    tickets.serve(begun_with)
    assert tickets.waiting() is not None  # the late one still waits
    assert answers == []
    tickets.serve(tickets.waiting() or 0)
    late.join()
    assert answers == [True]
    assert tickets.waiting() is None
