"""Payments of creators: what is due is paid by the shared rules, what waited is settled, and all
of it is booked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from oracle.engagement.errors import CreatorsError
from oracle.errors import Conflict
from oracle.payouts import ledger as ledger_rules
from oracle.payouts.counted import Parts, Seen, divide, divide_as_before, is_forgotten
from oracle.payouts.ledger import Contest, Entry, Paid, Terms, Waiting
from oracle.rules.deadlines import DISPUTE_WINDOW as DISPUTE_WINDOW
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, bonus_bps
from storage.database import OUTAGES, Connection, Database
from storage.engagement import weeks
from storage.ledger import earnings as ledger_earnings
from storage.ledger import freezes as ledger_freezes
from storage.ledger import ledger
from storage.ledger import terms as ledger_terms
from storage.ledger.earnings import DueCorrection, DuePay, NewAdjustment
from storage.ledger.freezes import Freeze
from storage.ledger.terms import PostTerms
from storage.works.policies import PolicyTerms

log = structlog.get_logger()

BATCH = 200


@dataclass(frozen=True)
class PayRules:
    """When pay is booked.

    Attributes:
        settle: How long after the end of a week its figures may still arrive before it is paid.
        confirm_above_minor: Cents for a post's week above which a second person confirms.
    """

    settle: timedelta = timedelta(hours=6)
    confirm_above_minor: int = 1_000_000


DEFAULT_RULES = PayRules()


class NotPayable(CreatorsError):
    """Nobody is paid for this post yet: it has no creator or no verdict."""

    code = "not_payable"


class AdjustmentDiffers(Conflict):
    """An adjustment of this id is about another post or amount."""

    code = "adjustment_differs"


def run_due(
    db: Database,
    now: datetime,
    rules: PayRules = DEFAULT_RULES,
    *,
    dispute_window: timedelta = DISPUTE_WINDOW,
) -> int:
    """Everything that is due: terms of new verdicts, pay, corrections, contests and freezes that
    ended.

    Returns: how many transactions were booked. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        ledger_terms.follow_analyses(conn, dispute_window, now)
        ledger_freezes.end_due(conn, now)
    booked = pay_due(db, now, rules)
    with db.transaction() as conn:
        for due in ledger_earnings.list_changed(conn, confirm_above=rules.confirm_above_minor):
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
    whole: bool = True,
) -> None:
    """Freeze what a post earns its poster from now on, or an account, until a date at the latest.

    An account's money is in the contract, which lets nobody fetch it meanwhile; the ledger only
    notes the freeze.

    Args:
        whole: All that the post earns; else the part of the events that the alert leaves out, which
            is not booked, and so not sent to the contract, until the freeze ends.
    """
    ledger_freezes.add(conn, Freeze(alert_id, post_id, creator_id, now, until, whole))


def release(conn: Connection, alert_id: UUID, now: datetime) -> None:
    """End an alert's freezes; what a post's freeze held is available at once, unless another
    alert holds it, too.
    """
    for post_id in ledger_freezes.end(conn, alert_id, now):
        ledger_earnings.mark_changed(conn, post_id, alert_id)
        release_post(conn, post_id, now)


def held_part(conn: Connection, post_id: bytes, now: datetime) -> int:
    """Cents of base pay that wait while alerts about a part of a post's views are looked into."""
    return sum(
        _parts(conn, post_id, week.week, week.base_minor, week.views, now).held
        for week in ledger_earnings.list_weeks(conn, post_id)
    )


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


def pay_due(db: Database, now: datetime, rules: PayRules = DEFAULT_RULES) -> int:
    """Pay every announced week that has settled, whose grade is final and whose verdict is known.

    Returns: how many.
    """
    paid, failed = 0, set[bytes]()
    while True:
        with db.transaction() as conn:
            due = ledger_earnings.list_due(
                conn,
                BATCH,
                settled=now - rules.settle,
                confirm_above=rules.confirm_above_minor,
                without=failed,
            )
            for week in due:
                if _alone(conn, week.post_id, partial(_pay, conn, week, now)) is None:
                    failed.add(week.post_id)
                else:
                    paid += 1
        if not due:
            return paid


def adjust(
    conn: Connection, adjustment: NewAdjustment, now: datetime, rules: PayRules = DEFAULT_RULES
) -> str:
    """Book what a post's creator gained or lost besides its weeks, such as a gift that was charged
    back; once for each id.

    Returns: booked; same (it was before); or unconfirmed: it is kept until somebody else sends it,
        too. Raises: NotFound, NotPayable, AdjustmentDiffers.
    """
    post_id, amount_minor = adjustment.post_id, adjustment.amount_minor
    poster_id = ledger.lock_post(conn, post_id)
    stored = ledger_terms.find(conn, post_id)
    if poster_id is None or stored is None:
        raise NotPayable
    booked = ledger_earnings.find_adjustment(conn, adjustment.id)
    if booked is not None:
        _check_same(adjustment.id, booked, (post_id, amount_minor))
        return "same"
    first, week = adjustment, ledger.week_of(now)
    # Many small ones are worth as much as a large one.
    so_far = ledger_earnings.adjusted_alone(conn, post_id, week)
    if so_far + abs(amount_minor) > rules.confirm_above_minor:
        first = ledger_earnings.propose_adjustment(conn, adjustment, now)
        _check_same(adjustment.id, (first.post_id, first.amount_minor), (post_id, amount_minor))
        if first.by == adjustment.by:
            return "unconfirmed"
    terms = _terms(conn, stored, now)
    facts = {
        "id": first.id,
        "amount_minor": amount_minor,
        "reason": first.reason,
        "by": first.by,
        "confirmed_by": adjustment.by if first is not adjustment else None,
    }
    cut, kept = ledger_earnings.adjusted_cut(conn, post_id)
    _book_change(
        conn,
        "adjustment",
        post_id,
        poster_id,
        {Entry.ADJUSTMENT: amount_minor},
        terms,
        Paid(cut=cut, kept=kept),
        facts,
        week=week,
        now=now,
    )
    return "booked"


def _check_same(adjustment_id: str, known: tuple[bytes, int], sent: tuple[bytes, int]) -> None:
    if known != sent:
        raise AdjustmentDiffers(
            f"The adjustment {adjustment_id!r} is known as {known[1]} cents of post"
            f" 0x{known[0].hex()}. Nothing was booked; send another one under an id of its own."
        )


def _pay(conn: Connection, due: DuePay, now: datetime) -> bool:
    poster_id, stored = ledger.lock_post(conn, due.post_id), ledger_terms.find(conn, due.post_id)
    assert poster_id is not None
    assert stored is not None
    terms, grade = _terms(conn, stored, now), Grade(due.grade)
    parts = _parts(conn, due.post_id, due.week, due.base_minor, due.views, now)
    paid, postings = ledger_rules.pay(poster_id, parts.paid, grade, terms)
    total = paid.base_pay + paid.bonus
    set_off = ledger_rules.set_off(total, ledger_earnings.owed(conn, poster_id), terms)
    facts = {
        "announced_minor": due.base_minor,
        "base_minor": paid.base_pay,
        "held_minor": parts.held,
        "lost_minor": parts.lost,
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
        "to_poster_minor": paid.shares.to_poster - set_off,
        "set_off_minor": set_off,
        "chain_minor": total - set_off if set_off else paid.base_pay,
        "chain_grade": "C" if set_off else due.grade,
        "contested": bool(paid.shares.to_original) and not terms.final,
        "frozen": terms.frozen,
        "analysis_id": str(stored.analysis_id) if stored.analysis_id else None,
    }
    number = ledger.book(
        conn,
        "pay",
        postings,
        facts,
        week=due.week,
        booked_at=now,
        post_id=due.post_id,
        creator_id=poster_id,
    )
    ledger_earnings.mark_paid(conn, due.post_id, due.week, number)
    return True


def _correct(conn: Connection, due: DueCorrection, now: datetime) -> bool:
    """Book what a paid week earned more or less than was paid for it so far."""
    poster_id, stored = ledger.lock_post(conn, due.post_id), ledger_terms.find(conn, due.post_id)
    assert poster_id is not None
    assert stored is not None
    paid = due.paid
    # A final grade falls by confirmed fraud alone; a verdict that changed is settled by itself.
    grade = due.grade
    points = bonus_bps(Grade(grade), Verdict(paid["verdict"]))
    counted = _parts(conn, due.post_id, due.week, due.base_minor, due.views, now, paid)
    base, bonus = counted.paid, counted.paid * points // 10_000
    ledger_earnings.mark_compared(conn, due.post_id, due.week)
    parts = {Entry.BASE: base - paid["base_minor"], Entry.BONUS: bonus - paid["bonus_minor"]}
    if not any(parts.values()):
        return False
    reasons = []
    if due.base_minor != paid["announced_minor"]:
        reasons.append(due.reason or "The platform stated another amount for this week.")
    if counted.lost > paid["lost_minor"]:
        reasons.append("Views that do not count are not paid.")
    elif counted.lost < paid["lost_minor"]:
        reasons.append("Views that were left out count again.")
    if counted.held < paid["held_minor"]:
        reasons.append("What waited for an alert waits no longer.")
    facts = {
        "announced_minor": due.base_minor,
        "base_minor": base,
        "held_minor": counted.held,
        "lost_minor": counted.lost,
        "bonus_minor": bonus,
        "grade": grade,
        "was": paid["grade"],
        "base_was_minor": paid["base_minor"],
        "bonus_bps": points,
        "verdict": paid["verdict"],
        "amount_minor": sum(parts.values()),
        "reason": " ".join(reasons) or None,
    }
    terms = _terms(conn, stored, now)
    cut, kept = paid.get("cut_minor", 0), paid.get("kept_minor", 0)
    week = ledger_earnings.divided(conn, due.post_id, due.week)
    so_far = Paid(max(week.to_original - kept, 0), week.contested, week.to_poster, cut, kept)
    _book_change(
        conn,
        "correction",
        due.post_id,
        poster_id,
        parts,
        terms,
        so_far,
        facts,
        week=due.week,
        now=now,
    )
    return True


def _parts(
    conn: Connection,
    post_id: bytes,
    week: date,
    base_minor: int,
    views: int | None,
    now: datetime,
    paid: Mapping[str, Any] | None = None,
) -> Parts:
    """Divide a week's base pay by which of its views count; once some of its events are forgotten,
    as before.
    """
    seen = None
    if not is_forgotten(week, now):
        seen = weeks.week_views(conn, post_id, week, now)
    if seen is None or not seen.views:
        return divide_as_before(base_minor, paid)
    held = seen.held if views is None else seen.held_viewers
    known = Seen(views=seen.views, counted=seen.counted, confirmed=seen.confirmed, held=held)
    return divide(base_minor, views, known)


def _book_change(
    conn: Connection,
    kind: str,
    post_id: bytes,
    poster_id: int,
    parts: Mapping[Entry, int],
    terms: Terms,
    paid: Paid,
    facts: Mapping[str, Any],
    *,
    week: date,
    now: datetime,
) -> None:
    held = ledger.waiting(conn, post_id)
    correction = ledger_rules.correct(
        poster_id, parts, terms, Waiting(held.contested, held.frozen), paid
    )
    shares = correction.shares
    earned = max(shares.to_original + shares.to_poster, 0)
    # The contract paid what comes back now; where it divides, it must not pay it a second time.
    set_off = correction.restored
    if not terms.waiting_bps:
        set_off = ledger_rules.set_off(earned, ledger_earnings.owed(conn, poster_id), terms)
    about = {
        "redirect_bps": terms.redirect_bps,
        "to_original_minor": shares.to_original,
        "to_poster_minor": shares.to_poster - set_off,
        "set_off_minor": set_off,
        "cut_minor": correction.cut,
        "kept_minor": correction.kept,
        "chain_minor": earned - set_off,
        "chain_grade": "C",
        "contested": bool(shares.to_original) and not terms.final,
    }
    ledger.book(
        conn,
        kind,
        correction.postings,
        {**facts, **about},
        week=week,
        booked_at=now,
        post_id=post_id,
        creator_id=poster_id,
    )


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
