"""What people decide about a work: written once, carried to the contract, in force when that is
final there.

`decide_work` is the one way in. Where nothing of a post is on chain the decision is in force at
once; elsewhere the ledger, the pages and the notices follow the contract.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import structlog

from oracle.appeals import chain_verdicts
from oracle.appeals.apart import apart
from oracle.appeals.ruling_steps import KEPT, OUTCOMES, Question, Step, next_step
from oracle.chain.contracts import rulings as contracts
from oracle.chain.contracts.payments import ContractCall
from oracle.chain.contracts.rulings import CaseView, Finding
from oracle.chain.core.report import ZERO_ADDRESS, ZERO_HASH, PoCReport
from oracle.chain.core.wire import Header
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender import shows
from oracle.notices.actors import is_person
from oracle.originality.attestation import account_of
from oracle.payouts import payments
from oracle.rules.decision import Verdict, redirect_bps
from storage import operator_alerts
from storage.cases import rulings
from storage.cases.rulings import NewRuling, Ruling, VerdictChange
from storage.chain import calls, case_events, outbox
from storage.database import Connection, Database
from storage.ledger import posts as ledger_posts
from storage.ledger.terms import PostTerms
from storage.works import analyses, creators, works
from storage.works.analyses import Analysis

log = structlog.get_logger()

BATCH = 20
# Refusals after which a person has to look; it is tried on all the same.
MANY_TRIES = 5
ARBITERS = ("arbiter", "second_arbiter")
# The contract holds nothing for such a question; people decide it all the same.
NO_HOLD = frozenset({"NotEarlier", "AlreadyClaimed", "UnknownPost", "NotDisputable"})
# Their outcome can be disputed, with a second look if the contract knows the content.
CORRECTING = frozenset({Step.REVIEW, Step.PROPOSE, Step.UPHOLD, Step.REJECT_AND_PROPOSE})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What people found a post to be.

    Attributes:
        verdict: original, derivative, self_duplicate or licensed.
        similarity_bps: how close it is to the earlier work, as measured; decides the redirect.
        original_post_id, original_account: of a derivative, whose share it is (32 and 20 bytes).
    """

    verdict: str
    similarity_bps: int
    original_post_id: bytes | None = None
    original_account: bytes | None = None


def found_by(conn: Connection, analysis: Analysis) -> Found | None:
    """What a decided analysis says; None where it could not decide. Raises: NotFound."""
    assert analysis.verdict is not None
    if analysis.verdict == Verdict.UNDECIDED:
        return None
    original = None
    if analysis.verdict == Verdict.DERIVATIVE and analysis.matched_work_id is not None:
        original = works.get_work(conn, analysis.matched_work_id)
    return Found(
        verdict=analysis.verdict,
        similarity_bps=analysis.similarity_bps or 0,
        original_post_id=original.post_id if original else None,
        original_account=account_of(original) if original else None,
    )


def open_question(
    conn: Connection,
    kind: str,
    post_id: bytes,
    *,
    original_post_id: bytes | None,
    now: datetime,
    analysis_id: UUID | None = None,
    appeal_id: UUID | None = None,
    hold: bool = True,
    dispute_round: int = 1,
) -> UUID:
    """Note that people decide about a post; the share in question waits on chain until then.

    Args: dispute_round: Of a dispute at the contract, the round that they decide.
    Returns: the question.
    """
    number = uuid4()
    rulings.add(
        conn,
        NewRuling(
            id=number,
            kind=kind,
            post_id=post_id,
            analysis_id=analysis_id,
            appeal_id=appeal_id,
            original_post_id=original_post_id,
            question_hash=hashlib.sha256(b"question " + number.bytes).digest(),
            hold=hold,
            dispute_round=dispute_round,
            opened_at=now,
        ),
    )
    return number


def decide_work(
    conn: Connection,
    post_id: bytes,
    found: Found | None,
    *,
    reason: str,
    decided_by: str,
    now: datetime,
    kind: str = "review",
    analysis_id: UUID | None = None,
    appeal_id: UUID | None = None,
) -> bool:
    """A person decided this work so: the one way in for appeals, claims and reviews.

    Args:
        found: What the post is; None where the verdict stays.
        reason: What convinced; its hash goes on chain.
        appeal_id: The appeal or claim that this decides; its question was opened with it, that of
            a review where its share waits on chain.
    Returns: whether that is in force already, as nothing of the post is on chain.
    """
    question = (
        rulings.find_of_appeal(conn, appeal_id)
        if appeal_id
        else rulings.find_of_review(conn, post_id)
    )
    number = (
        question.id
        if question
        else open_question(
            conn,
            kind,
            post_id,
            original_post_id=found.original_post_id if found else None,
            now=now,
            analysis_id=analysis_id,
            appeal_id=appeal_id,
            hold=False,
        )
    )
    rulings.decide(
        conn,
        number,
        verdict=found.verdict if found else KEPT,
        similarity_bps=found.similarity_bps if found else None,
        original_post_id=found.original_post_id if found else None,
        original_account=found.original_account if found else None,
        reason=reason,
        reason_hash=hashlib.sha256(number.bytes + reason.encode()).digest(),
        decided_by=decided_by,
        now=now,
        analysis_id=None if appeal_id else analysis_id,
    )
    if outbox.goes_on_chain(conn, post_id):
        return False
    if found is not None:
        _in_force_off_chain(conn, number, post_id, found, analysis_id, now)
    rulings.end(conn, number, "in_force", now)
    return True


def advance(
    db: Database,
    client: ChainClient,
    head: Header,
    finalized: Header,
    now: datetime,
    *,
    may_claim: bool = True,
) -> int:
    """Take the next step of each question that goes on; one that fails stops no other.

    Returns: how many calls were wanted. Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        due = rulings.due(conn, now, BATCH)
    wanted = 0
    for ruling in due:
        later = partial(rulings.postpone, ruling=ruling, error=None, now=now)
        with apart(db, f"ruling {ruling.id}", now, later):
            view = contracts.view_case(client, ruling.post_id, ruling.claim_id, head)
            final = contracts.view_case(client, ruling.post_id, ruling.claim_id, finalized)
            unshown = shows.find_unshown(db, client, ruling.post_id, view.result)
            with db.transaction() as conn:
                current = rulings.lock(conn, ruling.id)
                # changed since it was looked up: the next round sees it as it is
                if current is not None and current == ruling:
                    wanted += _advance_one(
                        conn, current, view, final, unshown, now, may_claim=may_claim
                    )
    return wanted


def _advance_one(
    conn: Connection,
    ruling: Ruling,
    view: CaseView,
    final: CaseView,
    unshown: PoCReport | None,
    now: datetime,
    *,
    may_claim: bool,
) -> bool:
    if ruling.call_id is not None and not _follow_call(conn, ruling, now):
        return False
    question = _question(conn, ruling)
    step = next_step(question, view, may_claim=may_claim)
    if step is Step.DONE:
        if next_step(question, final, may_claim=may_claim) is Step.DONE:
            assert final.result is not None
            rulings.end(conn, ruling.id, "in_force", now)
            chain_verdicts.follow_terms(conn, ruling.post_id, final.result, now, decided=False)
            log.info("ruling.in_force", ruling=str(ruling.id))
        else:
            rulings.postpone(conn, ruling, None, now)
        return False
    if step is Step.WAIT:
        rulings.postpone(conn, ruling, None, now)
        return False
    call, sender = _call(step, ruling, view), _sender(step, ruling)
    if unshown is not None and step in CORRECTING:
        shows.want(conn, unshown, sender=sender)
    call_id = calls.add(
        conn,
        f"ruling {ruling.id} {step} {uuid4().hex[:12]}",
        sender=sender,
        contract=call.contract,
        call_data=call.data,
    )
    rulings.begin_step(conn, ruling.id, step, call_id, now)
    log.info("ruling.step", ruling=str(ruling.id), step=str(step), sender=sender)
    return True


def _follow_call(conn: Connection, ruling: Ruling, now: datetime) -> bool:
    """What became of the last step. Returns: whether the next one can be looked for."""
    assert ruling.call_id is not None
    call = calls.get(conn, ruling.call_id)
    if call.status == "final":
        assert call.transaction_id is not None
        if case_events.is_known(conn, ruling.post_id, call.transaction_id):
            rulings.finish_step(conn, ruling.id, now)
        else:  # without them the same would be done again
            rulings.postpone(conn, ruling, None, now)
        return False  # what it has changed is looked at in the next round
    if call.status == "cancelled":
        rulings.postpone(conn, ruling, call.error_code or "cancelled", now)
        return False
    if call.status != "reverted":
        rulings.postpone(conn, ruling, None, now)
        return False
    error = call.error_code or "reverted"
    calls.close(conn, call.id)
    if ruling.step == Step.HOLD and error in NO_HOLD:
        rulings.give_up_hold(conn, ruling.id, error, now)
        operator_alerts.report(
            conn,
            "not_held_on_chain",
            f"post 0x{ruling.post_id.hex()}",
            f"The contract holds nothing longer for this {ruling.kind} ({error}): have it decided"
            " before the time to dispute is over there.",
            now,
        )
        return False
    rulings.postpone(conn, ruling, error, now)
    log.warning("ruling.refused", ruling=str(ruling.id), step=ruling.step, code=error)
    if ruling.tries + 1 >= MANY_TRIES:
        operator_alerts.report(
            conn,
            "ruling_refused",
            f"post 0x{ruling.post_id.hex()}",
            f"The contract refuses what people decided ({ruling.step}): {error}."
            f" {call.error_detail or ''} It is tried on.",
            now,
        )
    return False


def _question(conn: Connection, ruling: Ruling) -> Question:
    return Question(
        ruling.verdict,
        ruling.hold,
        ruling.original_post_id,
        ruling.original_account,
        ruling.similarity_bps,
        ruling.claim_id,
        ruling.correction_id,
        ruling.dispute_round,
        ruling.decided_by is not None and is_person(ruling.decided_by),
        chain_verdicts.has_ruled(conn, ruling),
    )


def _sender(step: Step, ruling: Ruling) -> str:
    """Who ruled or reviewed before is refused; the other arbiter's turn comes then."""
    if step is Step.HOLD:
        return "claimant"
    return ARBITERS[ruling.tries % 2 if ruling.error == "PartialArbiter" else 0]


def _call(step: Step, ruling: Ruling, view: CaseView) -> ContractCall:
    post_id = ruling.post_id
    if step is Step.HOLD:
        assert ruling.original_post_id is not None
        return contracts.claim_on_word(post_id, ruling.original_post_id, ruling.question_hash)
    assert ruling.reason_hash is not None and ruling.verdict is not None
    if step is Step.RULE:
        assert view.dispute is not None
        outcome = view.dispute.disputed if ruling.verdict == KEPT else OUTCOMES[ruling.verdict]
        return contracts.rule(view.dispute_id, outcome, ruling.reason_hash)
    if step is Step.REJECT:
        assert ruling.claim_id is not None
        return contracts.reject_claim(ruling.claim_id, ruling.reason_hash)
    derived = ruling.verdict == "derivative"
    finding = Finding(
        OUTCOMES[ruling.verdict],
        ruling.similarity_bps or 0,
        ruling.reason_hash,
        (derived and ruling.original_account) or ZERO_ADDRESS,
        (derived and ruling.original_post_id) or ZERO_HASH,
    )
    if step is Step.REVIEW:
        return contracts.review(post_id, finding)
    if step is Step.PROPOSE:
        return contracts.propose(post_id, finding)
    assert ruling.claim_id is not None
    if step is Step.UPHOLD:
        return contracts.uphold_claim(ruling.claim_id, finding)
    return contracts.reject_and_propose(ruling.claim_id, post_id, finding)


def _in_force_off_chain(
    conn: Connection,
    ruling_id: UUID,
    post_id: bytes,
    found: Found,
    analysis_id: UUID | None,
    now: datetime,
) -> None:
    creditor = (
        creators.find_creator_of(conn, found.original_account) if found.original_account else None
    )
    redirect, final_at = 0, now
    if found.verdict == "derivative" and analysis_id is not None:
        policy = analyses.get(conn, analysis_id).policy
        redirect = redirect_bps(
            found.similarity_bps, policy.threshold_bps, policy.base_redirect_bps
        )
        final_at = now + payments.DISPUTE_WINDOW
    if ledger_posts.exists(conn, post_id):
        payments.set_terms(
            conn,
            PostTerms(
                post_id=post_id,
                verdict=found.verdict,
                redirect_bps=redirect if creditor else 0,
                creditor_id=creditor if redirect else None,
                final_at=final_at,
                disputed=False,
                ruled=True,
                analysis_id=analysis_id,
            ),
            now,
        )
    rulings.add_change(
        conn,
        VerdictChange(
            post_id=post_id,
            verdict=found.verdict,
            similarity_bps=found.similarity_bps,
            redirect_bps=redirect,
            original_post_id=found.original_post_id,
            original_account=found.original_account,
            final_at=final_at,
            ruling_id=ruling_id,
            reason_hash=None,
            tx_hash=None,
            block_number=None,
            at=now,
        ),
        told=now,  # by the notice of the decision
    )
