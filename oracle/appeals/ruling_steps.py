"""What has to be done next on chain about a question that people decide. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from oracle.chain.contracts.payments import DisputeStatus
from oracle.chain.contracts.rulings import CaseView
from oracle.chain.contracts.verify import PostResult, PostStatus
from oracle.chain.core.report import ZERO_ADDRESS, Outcome

OUTCOMES = {
    "original": Outcome.ORIGINAL,
    "derivative": Outcome.DERIVATIVE,
    "self_duplicate": Outcome.SELF_DUPLICATE,
    "licensed": Outcome.LICENSED,
}
KEPT = "kept"


class Step(StrEnum):
    """The next call, or what it waits for."""

    WAIT = "wait"
    DONE = "done"  # the contract says what was decided
    HOLD = "hold"
    RULE = "rule"
    REVIEW = "review"
    PROPOSE = "propose"
    UPHOLD = "uphold"
    REJECT = "reject"
    REJECT_AND_PROPOSE = "reject_and_propose"


@dataclass(frozen=True)
class Question:
    """What the next step depends on, of a stored question.

    Attributes:
        verdict: None while nobody has decided, `kept` where the result stays.
        hold: whether the share in question is to wait until then.
        dispute_round: the round of a dispute at the contract that was decided.
        has_ruled: whether it ruled on a dispute; how that ends is all that becomes of it then.
        by_person: whether a person decided; no rule and no machine rules on a dispute.
    """

    verdict: str | None
    hold: bool
    original_post_id: bytes | None
    original_account: bytes | None = None
    similarity_bps: int | None = None
    claim_id: int | None = None
    correction_id: int | None = None
    dispute_round: int = 1
    by_person: bool = True
    has_ruled: bool = False


def next_step(question: Question, view: CaseView, *, may_claim: bool) -> Step:
    """Choose the next step.

    Args:
        view: How the post stands at the head.
        may_claim: Whether there is a key on whose word a share is held.
    """
    result = view.result
    if result is None or question.correction_id is not None:
        return Step.WAIT  # for its attestation; for the day on which anybody may carry it out
    if question.verdict is None:
        holds = question.hold and may_claim and question.claim_id is None
        disputed = result.status is PostStatus.DISPUTED
        return Step.HOLD if holds and question.original_post_id and not disputed else Step.WAIT
    if result.status is PostStatus.DISPUTED:
        asked = view.dispute is not None and view.dispute.round == question.dispute_round
        ruled = asked and question.by_person and may_be_ruled(view)
        return Step.RULE if ruled else Step.WAIT
    if question.verdict == KEPT or says(result, question):
        return Step.REJECT if view.claim_open else Step.DONE
    if question.has_ruled:
        return Step.WAIT  # a later round ended otherwise
    if view.claim_open:
        upheld = question.verdict == "derivative"
        return Step.UPHOLD if upheld else Step.REJECT_AND_PROPOSE
    measured = question.similarity_bps in (None, result.similarity_bps)
    if result.outcome is Outcome.NEEDS_REVIEW and (question.verdict != "derivative" or measured):
        return Step.REVIEW
    return Step.PROPOSE


def may_be_ruled(view: CaseView) -> bool:
    """Whether an arbiter may rule on the open dispute now: both sides were heard, in time."""
    dispute = view.dispute
    if dispute is None or dispute.status is not DisputeStatus.OPEN:
        return False
    heard = dispute.answered or dispute.beneficiary == ZERO_ADDRESS
    return (
        (heard or view.time > dispute.answer_until)
        and view.time > dispute.review_until
        and view.time <= dispute.rule_until
    )


def says(result: PostResult, question: Question) -> bool:
    """Whether the contract's result is what was decided."""
    assert question.verdict is not None
    if result.outcome is not OUTCOMES[question.verdict]:
        return False
    return question.verdict != "derivative" or (
        result.original_creator == question.original_account
        and result.similarity_bps == question.similarity_bps
    )
