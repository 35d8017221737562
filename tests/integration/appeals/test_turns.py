"""Whoever begins many things at the contract keeps nobody else from their turn."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.platform import Platform

from storage.cases import rulings
from storage.cases.rulings import VerdictChange
from storage.chain import case_events
from storage.chain.case_events import CaseEvent
from storage.database import Connection

AT = datetime(2026, 11, 1, tzinfo=UTC)
LIMIT = 5


def opened(number: int, dispute_round: int = 1, *, name: str = "DisputeOpened") -> CaseEvent:
    return CaseEvent(
        tx_hash=os.urandom(32),
        log_index=0,
        block_number=number + dispute_round,
        block_time=AT,
        name=name,
        post_id=os.urandom(32),
        account=None,
        facts={"disputeId": number, "round": dispute_round},
    )


def page(conn: Connection, *, to_file: bool) -> list[int]:
    take = case_events.to_file if to_file else case_events.unfinished
    events = take(conn, "DisputeOpened", ("DisputeSettled",), "disputeId", LIMIT)
    return [int(event.facts["disputeId"]) for event in events]


@pytest.fixture
def conn(platform: Platform) -> Iterator[Connection]:
    with platform.db.transaction() as conn:
        yield conn


def test_each_dispute_has_its_turn(conn: Connection) -> None:
    begun = [opened(number) for number in range(1, 13)]
    case_events.store(conn, [*begun, opened(12, 2)], [], 100)
    turns = [page(conn, to_file=False) for _ in range(4)]
    assert turns == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [1, 2, 3, 11, 12], [4, 5, 6, 7, 8]]
    case_events.store(conn, [opened(3, name="DisputeSettled"), opened(40)], [], 100)
    assert page(conn, to_file=False) == [1, 2, 9, 10, 40], "what is new comes first"


def test_what_is_filed_here_is_not_offered_again(conn: Connection) -> None:
    begun = [opened(number) for number in range(1, 9)]
    case_events.store(conn, begun, [], 100)
    assert page(conn, to_file=True) == [], "ours have to be told from theirs first"
    case_events.mark_handled(conn, begun, AT)
    assert page(conn, to_file=True) == [1, 2, 3, 4, 5]
    for event in begun[:5]:
        case_events.mark_filed(conn, event, AT)
    assert page(conn, to_file=True) == page(conn, to_file=True) == [6, 7, 8]
    assert page(conn, to_file=False) == [1, 2, 3, 4, 5], "its time is looked after all the same"


def test_money_of_each_post_has_its_turn(conn: Connection) -> None:
    waiting = [(bytes([number]) * 32, bytes(20), "contested") for number in range(8)]
    case_events.store(conn, [], waiting, 100)
    seen = [money.post_id for _ in range(2) for money in case_events.waiting_money(conn, 4)]
    assert sorted(seen) == [post for post, _, _ in waiting]


def test_who_lost_by_a_verdict_is_told_before_those_who_wait(conn: Connection) -> None:
    def change(verdict: str) -> bytes:
        post = os.urandom(32)
        new = VerdictChange(
            post_id=post,
            verdict=verdict,
            similarity_bps=0,
            redirect_bps=0,
            original_post_id=None,
            original_account=None,
            final_at=AT,
            ruling_id=None,
            reason_hash=None,
            tx_hash=None,
            block_number=None,
            at=AT,
        )
        assert rulings.add_change(conn, new)
        return post

    waiting = [change("original") for _ in range(8)]
    copy = change("derivative")
    first = [untold.post_id for _, untold in rulings.untold_changes(conn, 4)]
    assert first == [copy, *waiting[:3]]
    second = [untold.post_id for _, untold in rulings.untold_changes(conn, 4)]
    assert second == waiting[3:7]
    third = [untold.post_id for _, untold in rulings.untold_changes(conn, 4)]
    assert set(third) == {waiting[7], copy, *waiting[:2]}
