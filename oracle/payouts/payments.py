"""Payments of creators: what is due is paid by the shared rules, what waited is settled, and all
of it is booked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from oracle.payouts import ledger as ledger_rules
from oracle.payouts.ledger import Contest, Terms
from oracle.rules.deadlines import DISPUTE_WINDOW as DISPUTE_WINDOW
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, bonus_bps, redirect
from storage.database import OUTAGES, Connection, Database
from storage.ledger import earnings as ledger_earnings
from storage.ledger import freezes as ledger_freezes
from storage.ledger import ledger
from storage.ledger import terms as ledger_terms
from storage.ledger.earnings import DueCorrection, DuePay
from storage.ledger.freezes import Freeze
from storage.ledger.terms import PostTerms
from storage.works.policies import PolicyTerms

log = structlog.get_logger()

BATCH = 200


def run_due(db: Database, now: datetime, *, dispute_window: timedelta = DISPUTE_WINDOW) -> int:
    """Everything that is due: terms of new verdicts, pay, corrections, contests and freezes that
    ended.

    Returns: how many transactions were booked. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        ledger_terms.follow_analyses(conn, dispute_window, now)
    booked = pay_due(db, now)
    with db.transaction() as conn:
        for due in ledger_earnings.list_corrections(conn):
            booked += bool(_alone(conn, due.post_id, partial(_correct, conn, due, now)))
    with db.transaction() as conn:
        contested, frozen = (
            ledger.posts_waiting(conn, "contested"),
            ledger.posts_waiting(conn, "frozen"),
        )
    booked += _each(db, contested, lambda conn, post_id: settle_post(conn, post_id, now))
    booked += _each(db, frozen, lambda conn, post_id: release_post(conn, post_id, now))
    if booked:
        log.info("ledger.booked", transactions=booked)
    return booked


def window_of(terms: PolicyTerms | None) -> timedelta:
    """How long a verdict under a policy version can be disputed."""
    return DISPUTE_WINDOW if terms is None else timedelta(seconds=terms.dispute_window_s)


def freeze(
    conn: Connection,
    alert_id: UUID,
    *,
    now: datetime,
    until: datetime,
    post_id: bytes | None = None,
    creator_id: int | None = None,
) -> None:
    """Freeze what a post earns its poster from now on, or an account, until a date at the latest.

    An account's money is in the contract, which lets nobody fetch it meanwhile; the ledger only
    notes the freeze.
    """
    ledger_freezes.add(conn, Freeze(alert_id, post_id, creator_id, now, until))


def release(conn: Connection, alert_id: UUID, now: datetime) -> None:
    """End an alert's freezes; what a post's freeze held is available at once, unless another
    alert holds it, too.
    """
    for post_id in ledger_freezes.end(conn, alert_id, now):
        release_post(conn, post_id, now)


def set_terms(conn: Connection, terms: PostTerms, now: datetime) -> None:
    """Change what a post's verdict means for its money, as a dispute or an appeal decides; settle
    it if it is final.

    A won appeal is `ruled`, original, and final now: what was held goes to the poster, and no more
    than that.
    """
    ledger.lock_post(conn, terms.post_id)
    ledger_terms.store(conn, terms, now)
    settle_post(conn, terms.post_id, now)


def settle_post(conn: Connection, post_id: bytes, now: datetime) -> bool:
    """Pay out what waited for a post's verdict, if that is final.

    Returns: whether anything was booked.
    """
    poster_id = ledger.lock_post(conn, post_id)
    stored = ledger_terms.find(conn, post_id)
    held = ledger.waiting(conn, post_id)
    if poster_id is None or stored is None or held.contested == 0 or not stored.is_final(now):
        return False
    terms = _terms(conn, stored, now)
    postings = ledger_rules.settle_contest(poster_id, Contest(held.contested, held.gross), terms)
    facts = {
        "held_minor": held.contested,
        "gross_minor": held.gross,
        "verdict": stored.verdict,
        "redirect_bps": stored.redirect_bps,
        "ruled": stored.ruled,
    }
    ledger.book(
        conn,
        "contest_settled",
        postings,
        facts,
        week=ledger.week_of(now),
        booked_at=now,
        post_id=post_id,
    )
    return True


def release_post(conn: Connection, post_id: bytes, now: datetime) -> bool:
    """Give back what a post's freeze held, if no alert holds it any more.

    Returns: whether anything was booked.
    """
    poster_id = ledger.lock_post(conn, post_id)
    held = ledger.waiting(conn, post_id).frozen
    if poster_id is None or held == 0 or ledger_freezes.is_post_frozen(conn, post_id, now):
        return False
    postings = ledger_rules.release(poster_id, held)
    ledger.book(
        conn,
        "release",
        postings,
        {"held_minor": held},
        week=ledger.week_of(now),
        booked_at=now,
        post_id=post_id,
    )
    return True


def pay_due(db: Database, now: datetime) -> int:
    """Pay every announced week whose grade is final and whose verdict is known.

    Returns: how many.
    """
    paid, failed = 0, set[bytes]()
    while True:
        with db.transaction() as conn:
            due = ledger_earnings.list_due(conn, BATCH, without=failed)
            for week in due:
                if _alone(conn, week.post_id, partial(_pay, conn, week, now)) is None:
                    failed.add(week.post_id)
                else:
                    paid += 1
        if not due:
            return paid


def _pay(conn: Connection, due: DuePay, now: datetime) -> bool:
    poster_id, stored = ledger.lock_post(conn, due.post_id), ledger_terms.find(conn, due.post_id)
    assert poster_id is not None
    assert stored is not None
    terms, grade = _terms(conn, stored, now), Grade(due.grade)
    paid, postings = ledger_rules.pay(poster_id, due.base_minor, grade, terms)
    facts = {
        "base_minor": due.base_minor,
        "grade": due.grade,
        "score_bps": due.score_bps,
        "policy_version": due.policy_version,
        "verdict": stored.verdict,
        "bonus_bps": bonus_bps(grade, terms.verdict),
        "bonus_minor": paid.bonus,
        "redirect_bps": terms.redirect_bps,
        "held_bps": terms.waiting_bps - terms.redirect_bps,
        "creditor": stored.creditor,
        "to_original_minor": paid.shares.to_original,
        "to_poster_minor": paid.shares.to_poster,
        "contested": bool(paid.shares.to_original) and not terms.final,
        "frozen": terms.frozen,
        "analysis_id": str(stored.analysis_id) if stored.analysis_id else None,
    }
    number = ledger.book(
        conn, "pay", postings, facts, week=due.week, booked_at=now, post_id=due.post_id
    )
    ledger_earnings.mark_paid(conn, due.post_id, due.week, number)
    return True


def _correct(conn: Connection, due: DueCorrection, now: datetime) -> bool:
    poster_id, stored = ledger.lock_post(conn, due.post_id), ledger_terms.find(conn, due.post_id)
    assert poster_id is not None
    assert stored is not None
    # By the verdict it was paid under: a grade that rose changes the grade's part alone.
    points = bonus_bps(Grade(due.grade), Verdict(due.paid["verdict"]))
    right = due.paid["base_minor"] * points // 10_000
    missing = right - ledger.bonus_booked(conn, due.post_id, due.week)
    if missing <= 0:
        return False
    terms = _terms(conn, stored, now)
    postings, shares = (
        ledger_rules.correct(poster_id, missing, terms),
        redirect(missing, terms.waiting_bps),
    )
    facts = {
        "grade": due.grade,
        "was": due.paid["grade"],
        "base_minor": due.paid["base_minor"],
        "bonus_bps": points,
        "missing_minor": missing,
        "verdict": due.paid["verdict"],
        "redirect_bps": stored.redirect_bps,
        "to_original_minor": shares.to_original,
        "to_poster_minor": shares.to_poster,
        "contested": bool(shares.to_original) and not terms.final,
    }
    ledger.book(
        conn, "correction", postings, facts, week=due.week, booked_at=now, post_id=due.post_id
    )
    return True


def _terms(conn: Connection, stored: PostTerms, now: datetime) -> Terms:
    return Terms(
        Verdict(stored.verdict),
        stored.redirect_bps,
        stored.creditor_id,
        stored.is_final(now),
        ledger_freezes.is_post_frozen(conn, stored.post_id, now),
        stored.held_bps,
    )


def _each(db: Database, posts: list[bytes], step: Callable[[Connection, bytes], bool]) -> int:
    """One transaction a post, so that one post never holds up the others."""
    booked = 0
    for post_id in posts:
        with db.transaction() as conn:
            booked += bool(_alone(conn, post_id, partial(step, conn, post_id)))
    return booked


def _alone(conn: Connection, post_id: bytes, step: Callable[[], bool]) -> bool | None:
    """What a step on one post says; None where it failed and left nothing behind: the other posts
    go on.

    Raises: OUTAGES: an outage is everybody's.
    """
    try:
        with conn.transaction():
            return step()
    except OUTAGES:
        raise
    except Exception:
        log.exception("ledger.post_failed", post="0x" + post_id.hex())
        return None
