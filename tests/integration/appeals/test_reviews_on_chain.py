"""What nobody could decide waits on chain as in the ledger, and ends in both by one decision."""

from datetime import timedelta

import pytest
from support.platform import Platform
from support.quarrels import CENTS, ChainQuarrel, make_quarrel
from support.town import DAY_S, Town

from oracle.appeals import reviews as appeals_reviews
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.report import Outcome
from storage.cases import reviews
from storage.cases.reviews import Review

HELD = CENTS * 6_000 // 10_000


@pytest.fixture
def doubt(town: Town, platform: Platform) -> ChainQuarrel:
    made = make_quarrel(town, platform, undecided=True)
    made.pay()
    assert (made.held(on_chain=True), made.held(on_chain=False)) == (HELD, HELD)
    return made


def review_of(doubt: ChainQuarrel) -> Review:
    with doubt.platform.db.transaction() as conn:
        found = reviews.find_of_analysis(conn, doubt.analysis)
    assert found is not None
    return found


def decide(doubt: ChainQuarrel, outcome: str) -> None:
    with doubt.platform.db.transaction() as conn:
        appeals_reviews.decide(
            conn,
            review_of(doubt).id,
            outcome=outcome,
            actor="key:maria",
            because="The raw file lies before me.",
            now=doubt.now,
        )


def all_is_bobs(doubt: ChainQuarrel) -> None:
    assert doubt.result().outcome is Outcome.ORIGINAL
    assert doubt.result().status is PostStatus.FINAL
    assert doubt.held(on_chain=True) == doubt.held(on_chain=False) == 0
    assert doubt.paid("bob") == doubt.platform.totals(doubt.bob).available == CENTS
    assert all(status == "final" for _, status, _ in doubt.calls())


def test_a_person_ends_it_as_no_copy(doubt: ChainQuarrel) -> None:
    decide(doubt, "original")
    assert doubt.held(on_chain=False) == HELD, "nothing has moved"
    doubt.drive()
    all_is_bobs(doubt)


def test_a_person_ends_it_as_a_copy_which_pays_after_its_window(doubt: ChainQuarrel) -> None:
    decide(doubt, "derivative")
    doubt.drive()
    assert (doubt.result().outcome, doubt.result().redirect_bps) == (Outcome.DERIVATIVE, 6_000)
    assert doubt.held(on_chain=True) == doubt.held(on_chain=False) == HELD
    doubt.town.wait(7 * DAY_S + 60)
    doubt.drive()
    doubt.pay()
    assert doubt.paid("anna") == doubt.platform.totals(doubt.anna).available == HELD
    assert doubt.paid("bob") == doubt.platform.totals(doubt.bob).available == CENTS - HELD


def test_the_deadline_ends_it(doubt: ChainQuarrel) -> None:
    due = review_of(doubt).decide_by
    doubt.town.wait(int((due - doubt.now + timedelta(minutes=1)).total_seconds()))
    assert appeals_reviews.lapse_due(doubt.platform.db, doubt.now) == 1
    doubt.drive()
    all_is_bobs(doubt)
