"""Disputes and claims that were begun at the contract: people decide them here as any other."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from oracle.appeals import rulings as decisions
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.apart import apart
from oracle.errors import OracleError
from oracle.jobs import Jobs
from oracle.notices.actors import MACHINE, creator_actor
from storage.cases import appeals, claims, rulings
from storage.cases.appeals import NewAppeal
from storage.chain import case_events
from storage.chain.case_events import CaseEvent
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.ledger import wallets
from storage.works import analyses, creators, works

log = structlog.get_logger()

BATCH = 50
# An arbiter's transaction has to be in a block before the contract's time is over.
MARGIN = timedelta(days=1)
# The contract's times of a later round, which its events do not tell.
ROUND_RULED_WITHIN, ROUND_ANSWERED_WITHIN = timedelta(days=7), timedelta(days=3)


def take_over(db: Database, now: datetime) -> int:
    """File here what was begun at the contract, and what was answered there.

    On chain is the hash of a statement only; its words are known where they were written here.

    Each in a transaction of its own. Returns: how many are new. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        disputes = case_events.to_file(
            conn, "DisputeOpened", ("DisputeSettled",), "disputeId", BATCH
        )
        claimed = case_events.to_file(conn, "CopyClaimed", ("ClaimClosed",), "claimId", BATCH)
        answered = case_events.to_file(
            conn, "DisputeAnswered", ("DisputeSettled",), "disputeId", BATCH
        )
    filed = 0
    takes = {"DisputeOpened": _dispute, "CopyClaimed": _claim, "DisputeAnswered": _answer}
    for event in [*disputes, *claimed, *answered]:
        take = takes[event.name]
        with apart(db, f"{event.name} in 0x{event.tx_hash.hex()}", now):
            try:
                with db.transaction() as conn:
                    taken = take(conn, db, event, now)
                    if taken is not None:
                        case_events.mark_filed(conn, event, now)
                    filed += bool(taken)
            except OracleError as exc:  # a post that cannot be appealed here: arbiters decide there
                log.debug("case.left_to_the_contract", event=event.name, code=exc.code)
    return filed


# Each returns whether it is new here; None where it cannot be filed yet.


def _dispute(conn: Connection, _db: Database, event: CaseEvent, now: datetime) -> bool | None:
    assert event.post_id is not None
    analysis_id = analyses.find_newest(conn, event.post_id)
    if analysis_id is None:
        return None
    if event.facts["round"] > 1:
        return _later_round(conn, event, analysis_id, now)
    last = appeals.find_of_analysis(conn, analysis_id)
    known = last is not None and (last.status == "open" or last.filed_at >= event.block_time)
    analysis = analyses.get(conn, analysis_id)
    if known:
        return False
    if analysis.creator_id is None:
        return None
    verdict_appeals.appeal_verdict(
        conn,
        analysis_id,
        creator_id=analysis.creator_id,
        actor=creator_actor(creators.get_creator(conn, analysis.creator_id).handle),
        ground="other",
        statement=_words(conn, event)
        or f"Disputed at the contract; the hash of the statement is {event.facts['evidenceHash']}.",
        now=max(now, event.block_time),
    )
    log.info("dispute.taken_over", analysis=str(analysis_id), dispute=event.facts["disputeId"])
    return True


def _later_round(
    conn: Connection, event: CaseEvent, analysis_id: UUID, now: datetime
) -> bool | None:
    """What was decided before is no answer to what the side that lost brings now."""
    facts, at = event.facts, event.block_time
    appeal = verdict_appeals.appeal_round(
        conn,
        analysis_id,
        facts["round"],
        statement=_words(conn, event)
        or f"Round {facts['round']} at the contract, begun by {facts['by']} with a bond; the"
        f" hash of the statement is {facts['evidenceHash']}.",
        decide_by=max(at + ROUND_RULED_WITHIN - MARGIN, now + MARGIN),
        other_until=at + ROUND_ANSWERED_WITHIN,
        now=max(now, at),
    )
    if appeal is None:
        return None
    log.info("dispute.round_taken_over", appeal=str(appeal), dispute=facts["disputeId"])
    return True


def _answer(conn: Connection, _db: Database, event: CaseEvent, now: datetime) -> bool | None:
    """Who answered at the contract need not answer here again, where the words are known."""
    assert event.post_id is not None
    words, analysis_id = _words(conn, event), analyses.find_newest(conn, event.post_id)
    appeal = appeals.find_of_analysis(conn, analysis_id) if analysis_id else None
    if appeal is None or appeal.status != "open":
        return None
    if words is None or appeal.kind != "originality" or appeal.other_creator_id is None:
        return False
    if not appeals.add_view(conn, appeal.id, words, now):
        return False  # it was answered here
    audit_log.append(
        conn,
        at=now,
        actor=creator_actor(creators.get_creator(conn, appeal.other_creator_id).handle),
        step="answer",
        reason_code="other_side",
        text=words,
        appeal_id=appeal.id,
    )
    return True


def _words(conn: Connection, event: CaseEvent) -> str | None:
    """What was said at the contract, None where only its hash is known."""
    name = "statementHash" if event.name == "DisputeAnswered" else "evidenceHash"
    return wallets.find_statement(conn, bytes.fromhex(event.facts[name][2:]))


def _claim(conn: Connection, db: Database, event: CaseEvent, now: datetime) -> bool | None:
    """A claim of somebody else's: by a wallet with a bond, or on another platform's word."""
    assert event.post_id is not None
    number, facts = int(event.facts["claimId"]), event.facts
    if rulings.find_by_claim(conn, event.post_id, number):
        return False
    original_post = bytes.fromhex(facts["originalPostId"][2:])
    analysis_id = analyses.find_newest(conn, event.post_id)
    earlier = works.find_first_of_post(conn, original_post)
    if analysis_id is None or earlier is None or earlier.creator_id is None:
        return None
    analysis = analyses.get(conn, analysis_id)
    claim = NewAppeal(
        id=uuid4(),
        kind="claim",
        creator_id=earlier.creator_id,
        ground="copies_mine",
        statement=_words(conn, event)
        or f"Claimed at the contract; the hash of the statement is {facts['evidenceHash']}.",
        filed_at=now,
        first_decider=MACHINE,
        decide_by=max(datetime.fromtimestamp(facts["until"], UTC) - MARGIN, now + MARGIN),
        analysis_id=analysis_id,
        other_creator_id=analysis.creator_id,
        other_until=now + verdict_appeals.ANSWER_WITHIN if analysis.creator_id else None,
        earlier_work_id=earlier.id,
    )
    if not appeals.add(conn, claim):
        return False  # the same was claimed here before
    claims.add_check(conn, claim.id)
    Jobs(db.dsn).defer(conn, claim.id)
    ruling = decisions.open_question(
        conn,
        "claim",
        event.post_id,
        original_post_id=original_post,
        now=now,
        analysis_id=analysis_id,
        appeal_id=claim.id,
        hold=False,
    )
    rulings.note_claim(conn, ruling, number, is_open=True)
    log.info("claim.taken_over", claim=str(claim.id), number=number)
    return True
