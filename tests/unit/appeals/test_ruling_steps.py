"""The next step on chain for what people decide, as a table."""

from dataclasses import replace

import pytest

from oracle.appeals.ruling_steps import Question, Step, next_step
from oracle.chain.contracts.payments import DisputeStatus, DisputeView
from oracle.chain.contracts.rulings import CaseView
from oracle.chain.contracts.verify import PostResult, PostStatus
from oracle.chain.core.report import ZERO_ADDRESS, MediaType, Outcome

NOW = 1_790_000_000
ANNA, POST = b"\xa1" * 20, b"\xb2" * 32
COPY = PostResult(
    commitment=bytes(28),
    content_hash=POST,
    original_post_id=POST,
    creator=b"\xc3" * 20,
    original_creator=ANNA,
    config_version=1,
    media_type=MediaType.IMAGE,
    outcome=Outcome.DERIVATIVE,
    tier=3,
    status=PostStatus.PROVISIONAL,
    similarity_bps=9_800,
    redirect_bps=6_000,
    held_bps=0,
    first_recorded_at=NOW,
    recorded_at=NOW,
    final_at=NOW + 100,
    revision=1,
)
ORIGINAL = replace(
    COPY, outcome=Outcome.ORIGINAL, original_creator=ZERO_ADDRESS, similarity_bps=1_200
)
UNDECIDED = replace(ORIGINAL, outcome=Outcome.NEEDS_REVIEW, similarity_bps=9_800)
DISPUTE = DisputeView(
    post_id=POST,
    status=DisputeStatus.OPEN,
    round=1,
    disputed=Outcome.DERIVATIVE,
    standing=Outcome.DERIVATIVE,
    answered=True,
    owner=b"\xc3" * 20,
    beneficiary=ANNA,
    bond_wei=0,
    answer_until=NOW + 50,
    rule_until=NOW + 500,
    appeal_until=0,
    review_until=0,
    reviewed=Outcome.NONE,
)
DISPUTED = replace(COPY, status=PostStatus.DISPUTED)
OPEN = Question(None, True, POST)
KEPT = Question("kept", True, POST)
GRANTED = Question("original", True, POST, similarity_bps=9_800)
UPHELD = Question("derivative", True, POST, ANNA, 9_800)


def view(
    result: PostResult | None, *, dispute: DisputeView | None = None, claim_open: bool = False
) -> CaseView:
    return CaseView(NOW, result, 7 if dispute else 0, dispute, claim_open)


@pytest.mark.parametrize(
    ("question", "seen", "step"),
    [
        (OPEN, view(None), Step.WAIT),
        (OPEN, view(COPY), Step.HOLD),
        (replace(OPEN, hold=False), view(COPY), Step.WAIT),
        (replace(OPEN, claim_id=3), view(COPY, claim_open=True), Step.WAIT),
        (replace(OPEN, original_post_id=None), view(COPY), Step.WAIT),
        (OPEN, view(DISPUTED, dispute=DISPUTE), Step.WAIT),
        (KEPT, view(COPY), Step.DONE),
        (replace(KEPT, claim_id=3), view(COPY, claim_open=True), Step.REJECT),
        (KEPT, view(DISPUTED, dispute=DISPUTE), Step.RULE),
        (GRANTED, view(None), Step.WAIT),
        (GRANTED, view(COPY), Step.PROPOSE),
        (GRANTED, view(COPY, claim_open=True), Step.REJECT_AND_PROPOSE),
        (replace(GRANTED, correction_id=2), view(COPY), Step.WAIT),
        (GRANTED, view(ORIGINAL), Step.DONE),
        (GRANTED, view(ORIGINAL, claim_open=True), Step.REJECT),
        (GRANTED, view(DISPUTED, dispute=DISPUTE), Step.RULE),
        (GRANTED, view(DISPUTED, dispute=replace(DISPUTE, answered=False)), Step.WAIT),
        (
            GRANTED,
            view(DISPUTED, dispute=replace(DISPUTE, answered=False, beneficiary=ZERO_ADDRESS)),
            Step.RULE,
        ),
        (
            GRANTED,
            view(DISPUTED, dispute=replace(DISPUTE, answered=False, answer_until=NOW - 1)),
            Step.RULE,
        ),
        (GRANTED, view(DISPUTED, dispute=replace(DISPUTE, review_until=NOW + 9)), Step.WAIT),
        (GRANTED, view(DISPUTED, dispute=replace(DISPUTE, rule_until=NOW - 1)), Step.WAIT),
        (GRANTED, view(DISPUTED, dispute=replace(DISPUTE, status=DisputeStatus.RULED)), Step.WAIT),
        (GRANTED, view(DISPUTED, dispute=replace(DISPUTE, round=2)), Step.WAIT),
        (KEPT, view(DISPUTED, dispute=replace(DISPUTE, round=2)), Step.WAIT),
        (
            replace(KEPT, dispute_round=2),
            view(DISPUTED, dispute=replace(DISPUTE, round=2)),
            Step.RULE,
        ),
        (
            replace(KEPT, dispute_round=2),
            view(DISPUTED, dispute=replace(DISPUTE, round=3)),
            Step.WAIT,
        ),
        (replace(GRANTED, has_ruled=True), view(COPY), Step.WAIT),
        (replace(GRANTED, has_ruled=True), view(ORIGINAL), Step.DONE),
        (replace(KEPT, by_person=False), view(DISPUTED, dispute=DISPUTE), Step.WAIT),
        (replace(GRANTED, by_person=False), view(DISPUTED, dispute=DISPUTE), Step.WAIT),
        (GRANTED, view(UNDECIDED), Step.REVIEW),
        (UPHELD, view(UNDECIDED), Step.REVIEW),
        (replace(UPHELD, similarity_bps=9_900), view(UNDECIDED), Step.PROPOSE),
        (UPHELD, view(ORIGINAL), Step.PROPOSE),
        (UPHELD, view(ORIGINAL, claim_open=True), Step.UPHOLD),
        (UPHELD, view(COPY), Step.DONE),
        (UPHELD, view(replace(COPY, original_creator=b"\xd4" * 20)), Step.PROPOSE),
    ],
)
def test_the_next_step(question: Question, seen: CaseView, step: Step) -> None:
    assert next_step(question, seen, may_claim=True) is step


def test_without_a_key_to_claim_with_nothing_is_held() -> None:
    assert next_step(OPEN, view(COPY), may_claim=False) is Step.WAIT
