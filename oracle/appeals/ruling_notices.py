"""Tell both sides that a verdict has changed, once the money it moves has moved."""

from datetime import datetime
from uuid import UUID

import structlog

from oracle.notices import templates, wording
from oracle.notices.render import day, money, render, send_notice
from oracle.notices.titles import name_of
from oracle.rules.explain import percent
from storage.cases import rulings
from storage.cases.rulings import VerdictChange
from storage.chain import case_events
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.ledger import ledger
from storage.ledger import posts as ledger_posts
from storage.works import analyses, creators, works

log = structlog.get_logger()

BATCH = 50
VERDICTS = {
    "original": "original",
    "derivative": "a copy of an earlier work",
    "self_duplicate": "a copy of its creator's own earlier work",
    "licensed": "used with permission",
    "undecided": "not decided",
}


def send_due(db: Database, now: datetime) -> int:
    """Send what is due, once each. Returns: how many changes were told.

    What makes a post a copy is told at once, as it can be disputed; of any other the money moves
    first. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = rulings.untold_changes(conn, BATCH)
    told = 0
    for number, change in waiting:
        try:
            with db.transaction() as conn:
                if change.verdict == "derivative" or not _waits(conn, change):
                    _tell(conn, change, now)
                    rulings.mark_change_told(conn, number, now)
                    told += 1
        except DatabaseUnavailable:
            raise
        except Exception as exc:  # that of one post; it is tried again
            log.warning("verdict.change_not_told", change=number, reason=str(exc))
    return told


def _waits(conn: Connection, change: VerdictChange) -> bool:
    if not ledger_posts.exists(conn, change.post_id):
        return case_events.is_waiting(conn, change.post_id)
    held = ledger.waiting(conn, change.post_id).contested
    return bool(held) or case_events.is_waiting(conn, change.post_id)


def _tell(conn: Connection, change: VerdictChange, now: datetime) -> None:
    analysis_id = analyses.find_newest(conn, change.post_id)
    if analysis_id is None:
        return  # a post that others had decided: nobody of ours is a side of it
    analysis = analyses.get(conn, analysis_id)
    ruling = rulings.get(conn, change.ruling_id) if change.ruling_id else None
    subject = name_of(conn, "post", change.post_id, "")
    why = ruling.reason if ruling and ruling.reason else None
    derived = change.verdict == "derivative"
    other = _other_side(conn, change, analysis.matched_work_id)
    since = ruling.decided_at if ruling and ruling.decided_at else change.at
    paid = ledger.settled_since(conn, change.post_id, since)
    facts = {
        "subject": subject,
        "verdict": VERDICTS[change.verdict],
        "since": day(change.at),
        "why": why or "it was decided at the contract, which keeps no words",
        "decider": wording.who(ruling.decided_by)
        if ruling and ruling.decided_by
        else "somebody who may rule at the contract",
        "proof": f"in block {change.block_number} of the chain"
        if change.tx_hash
        else "nothing of it is on a chain",
        "reason_hash": f"0x{change.reason_hash.hex()}" if change.reason_hash else "none",
        "transaction": f"0x{change.tx_hash.hex()}" if change.tx_hash else "none",
        "link": f"/analyses/{analysis_id}",
    }
    share = f"{percent(change.redirect_bps)} of what it earns"
    if analysis.creator_id is not None:
        own = (
            f"{share} goes to the earlier work's creator from now on, and its bonus is half of an"
            " original's. The share waits until"
            f" {day(change.final_at)}; until then you can dispute it, free of charge."
            if derived
            else f"{money(paid)} that waited has been paid out; nothing of it waits any more."
        )
        notice = render(templates.VERDICT_CHANGED, facts | {"money": own})
        send_notice(conn, notice, analysis.creator_id, now)
    if other is not None and other != analysis.creator_id:
        theirs = (
            f"{share} goes to you from now on, once nobody can dispute it any more, on"
            f" {day(change.final_at)}."
            if derived
            else "what waited for you went to its creator; what you were paid before stays yours."
        )
        notice = render(templates.VERDICT_CHANGED, facts | {"money": theirs})
        send_notice(conn, notice, other, now)


def _other_side(conn: Connection, change: VerdictChange, matched_work: UUID | None) -> int | None:
    if change.original_account is not None:
        return creators.find_creator_of(conn, change.original_account)
    if matched_work is None:
        return None
    return works.get_work(conn, matched_work).creator_id
