"""What the guardian vetoed: the verdict stays, and another person decides the same question."""

from datetime import datetime
from functools import partial

import structlog

from oracle.appeals import reviews as appeals_reviews
from oracle.appeals import rulings
from oracle.appeals.apart import apart
from oracle.appeals.verdicts import ORIGINALITY_WITHIN
from oracle.jobs import Jobs
from oracle.notices import templates
from oracle.notices.actors import CONTRACT
from oracle.notices.render import day, render, send_notice
from oracle.notices.titles import name_of
from oracle.originality import shared_sources
from oracle.rules.deadlines import DISPUTE_WINDOW
from storage.cases import appeals, reviews, settlements
from storage.cases import rulings as stored
from storage.cases.rulings import Ruling
from storage.database import Connection, Database
from storage.fraud import audit_log

log = structlog.get_logger()

BATCH = 20
BECAUSE = "The guardian vetoed it at the contract; another person decides."


def ask_again(db: Database, now: datetime) -> int:
    """Open the cases again whose decision was vetoed; what that had settled is settled no more,
    and a settlement that it had ended goes on. Each in a transaction of its own.

    Returns: how many. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        vetoed = stored.list_vetoed(conn, BATCH)
    asked = 0
    for ruling in vetoed:
        later = partial(stored.postpone, ruling=ruling, error=None, now=now)
        with apart(db, f"vetoed ruling {ruling.id}", now, later), db.transaction() as conn:
            again = _ask_again(conn, Jobs(db.dsn), ruling, now)
            if not again:
                later(conn)
            asked += again
    return asked


def _ask_again(conn: Connection, jobs: Jobs, ruling: Ruling, now: datetime) -> bool:
    assert ruling.decided_at is not None and ruling.ended_at is not None
    assert ruling.decided_by is not None and ruling.reason is not None
    sides: tuple[int | None, int | None]
    if ruling.appeal_id is not None:
        decide_by = now + ORIGINALITY_WITHIN
        if not appeals.reopen(conn, ruling.appeal_id, decide_by):
            return False
        settlements.end_of_appeal(conn, ruling.appeal_id, by=CONTRACT, because=BECAUSE, now=now)
        shared_sources.end_of_appeal(
            conn, jobs, ruling.appeal_id, by=CONTRACT, because=BECAUSE, now=now
        )
        case = appeals.get(conn, ruling.appeal_id)
        rulings.open_question(
            conn,
            ruling.kind,
            ruling.post_id,
            original_post_id=ruling.original_post_id,
            now=now,
            analysis_id=ruling.analysis_id,
            appeal_id=ruling.appeal_id,
            # of one's own work no share is in question
            hold=case.kind == "claim" or case.other_creator_id is not None,
        )
        sides, link = (case.creator_id, case.other_creator_id), f"/appeals/{case.id}"
    else:
        assert ruling.analysis_id is not None
        decide_by = now + DISPUTE_WINDOW
        review_id = reviews.reopen(conn, ruling.analysis_id, decide_by)
        if review_id is None:
            return False
        review = reviews.get(conn, review_id, lock=True)
        if ruling.verdict == "original" and review.nearest_work_id is not None:
            settlements.end(
                conn, review.work_id, review.nearest_work_id, by=CONTRACT, because=BECAUSE, now=now
            )
        appeals_reviews.hold(conn, review, now)
        sides, link = (review.creator_id, review.nearest_creator_id), f"/v1/reviews/{review_id}"
    settlements.restore(
        conn, ended_at=ruling.decided_at, by=ruling.decided_by, because=ruling.reason
    )
    audit_log.append(
        conn,
        at=now,
        actor=CONTRACT,
        step="reopen",
        reason_code="vetoed",
        text=BECAUSE,
        appeal_id=ruling.appeal_id,
        facts={"ruling_id": str(ruling.id)},
    )
    facts = {
        "subject": name_of(conn, "post", ruling.post_id, ""),
        "vetoed_at": day(ruling.ended_at),
        "decide_by": day(decide_by),
        "link": link,
        "case": ruling.id.hex,
    }
    for creator_id in sides:
        if creator_id is not None:
            notice = render(templates.VETOED, facts)
            send_notice(conn, notice, creator_id, now, appeal_id=ruling.appeal_id)
    log.info("ruling.asked_again", ruling=str(ruling.id))
    return True
