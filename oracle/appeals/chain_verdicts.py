"""The verdict in force follows the contract: what people decided there, we or others, in final
blocks.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import structlog

from oracle.appeals.apart import AGAIN_AFTER, apart
from oracle.chain.contracts import verify
from oracle.chain.contracts.rulings import CaseStatus
from oracle.chain.contracts.verify import PostResult, PostStatus
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import Header
from oracle.chain.rpc.client import ChainClient
from oracle.jobs import Jobs
from oracle.originality import shared_sources
from oracle.payouts import payments
from storage import operator_alerts
from storage.cases import appeals, rulings, settlements
from storage.cases.rulings import Ruling, VerdictChange
from storage.chain import case_events
from storage.chain.case_events import CaseEvent
from storage.database import Connection, Database
from storage.ledger import posts as ledger_posts
from storage.ledger import terms as ledger_terms
from storage.ledger.terms import PostTerms
from storage.works import creators

log = structlog.get_logger()

BATCH = 200
OVERRULED = "A later round of the dispute ended otherwise."
CLAIM_ENDS = {CaseStatus.UPHELD: "granted", CaseStatus.REJECTED: "refused"}
VERDICTS = {
    Outcome.ORIGINAL: "original",
    Outcome.DERIVATIVE: "derivative",
    Outcome.SELF_DUPLICATE: "self_duplicate",
    Outcome.LICENSED: "licensed",
    Outcome.NEEDS_REVIEW: "undecided",
    Outcome.SHARED_SOURCE: "original",
}


def follow(db: Database, client: ChainClient, finalized: Header, now: datetime) -> int:
    """Conclude from new events what the posts they are about count as.

    Each post in a transaction of its own, as it stands in the finalized block; one that fails is
    the operator's, and stops no other.

    Returns: how many verdicts changed. Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        new = case_events.list_new(conn, now, BATCH)
    by_post: dict[bytes, list[CaseEvent]] = {}
    for event in new:
        if event.post_id is not None:
            by_post.setdefault(event.post_id, []).append(event)
    changed = 0
    for post_id, events in by_post.items():
        later = partial(case_events.postpone, post_id=post_id, until=now + AGAIN_AFTER)
        with apart(db, f"post 0x{post_id.hex()}", now, later):
            result = verify.find_result(client, post_id, block=finalized.number)
            changed += _conclude(db, post_id, events, result, now)
    return changed


def _conclude(
    db: Database,
    post_id: bytes,
    events: Sequence[CaseEvent],
    result: PostResult | None,
    now: datetime,
) -> bool:
    changed = False
    with db.transaction() as conn:
        for event in events:
            _note(conn, Jobs(db.dsn), event, now)
        if result is not None:
            decided = [event for event in events if event.name == "PostDecided"]
            changed = _note_change(conn, post_id, result, decided)
            follow_terms(conn, post_id, result, now, decided=bool(decided))
        case_events.mark_handled(conn, events, now)
    return changed


def _note(conn: Connection, jobs: Jobs, event: CaseEvent, now: datetime) -> None:
    """Tie an event to the question or decision of ours that it carries."""
    assert event.post_id is not None
    facts, post_id = event.facts, event.post_id
    match event.name:
        case "CopyClaimed":
            ruling = rulings.find_asked(
                conn,
                post_id,
                _bytes(facts["originalPostId"]),
                _bytes(facts["evidenceHash"]),
                _bytes(facts["claimant"]),
            )
            if ruling is not None:
                rulings.note_claim(conn, ruling.id, facts["claimId"], is_open=True)
        case "ClaimClosed":
            ruling = rulings.find_by_claim(conn, post_id, facts["claimId"])
            if ruling is not None:
                rulings.note_claim(conn, ruling.id, facts["claimId"], is_open=False)
                by = f"contract claim {facts['claimId']}"
                _close(conn, ruling, CLAIM_ENDS.get(facts["status"], "lapsed"), by, now)
                kept = ruling.verdict == "kept" and facts["status"] != CaseStatus.UPHELD
                if kept:
                    rulings.end(conn, ruling.id, "in_force", now)
        case "DisputeSettled":
            granted = facts["outcome"] in (Outcome.ORIGINAL, Outcome.LICENSED)
            lapsed = "lapsed" if facts["bySilence"] else "refused"
            by = f"contract dispute {facts['disputeId']}"
            for ruling in rulings.waiting_appeals(conn, post_id):
                _close(conn, ruling, "granted" if granted else lapsed, by, now)
                if has_ruled(conn, ruling):  # in this round or an earlier one: that is all it does
                    agrees = granted == (ruling.verdict != "kept")
                    rulings.end(conn, ruling.id, "in_force" if agrees else "overruled", now)
                    if not agrees and ruling.appeal_id is not None:
                        settlements.end_of_appeal(
                            conn, ruling.appeal_id, by=by, because=OVERRULED, now=now
                        )
                        shared_sources.end_of_appeal(
                            conn, jobs, ruling.appeal_id, by=by, because=OVERRULED, now=now
                        )
        case "CorrectionProposed":
            ruling = rulings.find_by_reason(conn, post_id, _bytes(facts["reasonHash"]))
            if ruling is not None:
                rulings.note_correction(conn, ruling.id, facts["correctionId"])
        case "CorrectionVetoed":
            ruling = rulings.find_by_correction(conn, post_id, facts["correctionId"])
            if ruling is not None and rulings.end(conn, ruling.id, "vetoed", now):
                operator_alerts.report(
                    conn,
                    "ruling_refused",
                    f"post 0x{ruling.post_id.hex()}",
                    f"The guardian vetoed what {ruling.decided_by} decided: the verdict stays as it"
                    " was, and another person has to decide what people had decided.",
                    now,
                )
        case "PostDecided":
            ruling = rulings.find_by_reason(conn, post_id, _bytes(facts["reasonHash"]))
            if ruling is not None:
                rulings.end(conn, ruling.id, "in_force", now)


def has_ruled(conn: Connection, ruling: Ruling) -> bool:
    """Whether an arbiter has ruled on a dispute by this decision."""
    if ruling.reason_hash is None:
        return False
    reason = "0x" + ruling.reason_hash.hex()
    events = case_events.of_post(conn, ruling.post_id)
    return any(e.name == "DisputeRuled" and e.facts["reasonHash"] == reason for e in events)


def _close(conn: Connection, ruling: Ruling, outcome: str, by: str, now: datetime) -> None:
    """End a question of ours that was decided at the contract before people did here.

    Args:
        by: The case of the contract: another decider than of the verdict that it is about.
    """
    if ruling.verdict is not None or ruling.appeal_id is None:
        return
    text = "It was decided at the contract."
    appeals.decide(
        conn,
        ruling.appeal_id,
        outcome=outcome,
        decided_by=None if outcome == "lapsed" else by,
        convinced=text,
        now=now,
    )
    rulings.decide(
        conn,
        ruling.id,
        verdict="kept",  # nothing more is to be told to the contract
        similarity_bps=None,
        original_post_id=None,
        original_account=None,
        reason=text,
        reason_hash=hashlib.sha256(b"contract " + ruling.id.bytes).digest(),
        decided_by=by,
        now=now,
    )
    rulings.end(conn, ruling.id, "in_force", now)


def _note_change(
    conn: Connection, post_id: bytes, result: PostResult, decided: Sequence[CaseEvent]
) -> bool:
    if not decided:
        return False
    last = decided[-1]
    reason_hash = _bytes(last.facts["reasonHash"])
    ruling = rulings.find_by_reason(conn, post_id, reason_hash)
    new = rulings.add_change(
        conn,
        VerdictChange(
            post_id=post_id,
            verdict=VERDICTS[result.outcome],
            similarity_bps=result.similarity_bps,
            redirect_bps=result.redirect_bps,
            original_post_id=result.original_post_id if any(result.original_post_id) else None,
            original_account=result.original_creator if any(result.original_creator) else None,
            final_at=datetime.fromtimestamp(result.final_at, UTC),
            ruling_id=ruling.id if ruling else None,
            reason_hash=reason_hash,
            tx_hash=last.tx_hash,
            block_number=last.block_number,
            at=last.block_time,
        ),
    )
    if new:
        log.info(
            "verdict.changed",
            post="0x" + post_id.hex(),
            verdict=VERDICTS[result.outcome],
            block=last.block_number,
            ours=ruling is not None,
        )
    return new


def follow_terms(
    conn: Connection, post_id: bytes, result: PostResult, now: datetime, *, decided: bool
) -> None:
    """Make the ledger's terms those of the contract; what is final there is final here.

    Args:
        decided: Whether people have just decided about the post.
    """
    if not ledger_posts.exists(conn, post_id):
        return
    before = ledger_terms.find(conn, post_id)
    if before is None:  # else its analysis would be taken over again once the post earns
        ledger_terms.follow_analyses(conn, payments.DISPUTE_WINDOW, now, posts=[post_id])
        before = ledger_terms.find(conn, post_id)
    final_at = datetime.fromtimestamp(result.final_at, UTC)
    if result.status is PostStatus.FINAL:
        final_at = min(final_at, now)
    appealed = bool(rulings.waiting_appeals(conn, post_id))
    creditor = None
    if result.outcome is Outcome.DERIVATIVE and result.redirect_bps:
        creditor = _creditor(conn, result.original_creator)
    payments.set_terms(
        conn,
        PostTerms(
            post_id=post_id,
            verdict=VERDICTS[result.outcome],
            redirect_bps=result.redirect_bps if creditor is not None else 0,
            creditor_id=creditor,
            final_at=final_at,
            disputed=result.status is PostStatus.DISPUTED or appealed,
            ruled=decided or bool(before and before.ruled),
            analysis_id=before.analysis_id if before else None,
            held_bps=0 if result.status is PostStatus.FINAL else result.held_bps,
        ),
        now,
    )


def _creditor(conn: Connection, account: bytes) -> int:
    known = creators.find_creator_of(conn, account)
    if known is not None:
        return known
    return creators.ensure_creator(conn, "0x" + account.hex(), account, True).id


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
