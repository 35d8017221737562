"""Appeals against verdicts: free, both sides are heard, and another person than before decides."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from oracle.appeals import notices, rulings
from oracle.appeals.apart import lapse_each
from oracle.appeals.errors import (
    AccuserCannotDecide,
    AppealExists,
    NothingToAppeal,
    NotYourCase,
    StepNotPossible,
    TooLate,
    UnknownGround,
)
from oracle.appeals.neutral import Reviewer, check_neutral
from oracle.notices import wording
from oracle.notices.actors import CONTRACT, MACHINE, RULES
from oracle.notices.render import day, money
from oracle.notices.titles import work_name
from oracle.originality import shared_sources
from oracle.payouts import payments
from oracle.rules.cost import cost_of, in_words
from oracle.rules.deadlines import APPEAL_WITHIN
from oracle.rules.decision import Verdict
from storage.cases import appeals, reviews, settlements
from storage.cases import rulings as stored_rulings
from storage.cases.appeals import Appeal, NewAppeal
from storage.chain import outbox
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.ledger import ledger
from storage.ledger import terms as ledger_terms
from storage.ledger.terms import PostTerms
from storage.works import analyses, works
from storage.works.analyses import Analysis

ANSWER_WITHIN = timedelta(days=7)  # the other side
ORIGINALITY_WITHIN = timedelta(days=14)
# appeals without a decision: more would hold the original creator's money without an end
MAX_LAPSED = 2
# The verdicts that take something from the creator of the work.
APPEALABLE = tuple(verdict for verdict in Verdict if cost_of(verdict).any)
OWN_REFUSED = "It goes on earning half of an original's bonus; nothing waited and nothing moves."
OWN_GRANTED = "It earns an original's bonus from now on; what was paid before is not paid again."


def appeal_verdict(
    conn: Connection,
    analysis_id: UUID,
    *,
    creator_id: int,
    actor: str,
    ground: str,
    statement: str,
    now: datetime,
) -> UUID:
    """File an appeal against the verdict on one's own work; the disputed share is held from now on.

    Returns: the appeal's id.
    Raises: NotYourCase, NothingToAppeal, UnknownGround, TooLate, AppealExists, MissingFact,
        NotFound.
    """
    check_ground(ground, wording.ORIGINALITY_GROUNDS)
    analysis = analyses.get(conn, analysis_id)
    if analysis.creator_id != creator_id:
        raise NotYourCase
    previous = check_appealable(conn, analysis, now)
    accusation = find_accusation(conn, analysis)
    assert accusation is not None
    decider = previous.decided_by if previous else None
    return _file(
        conn,
        analysis,
        accusation,
        first_decider=decider or accusation.decided_by,
        actor=actor,
        ground=ground,
        statement=statement,
        decide_by=now + ORIGINALITY_WITHIN,
        other_until=now + ANSWER_WITHIN,
        now=now,
    )


def appeal_round(
    conn: Connection,
    analysis_id: UUID,
    dispute_round: int,
    *,
    statement: str,
    decide_by: datetime,
    other_until: datetime,
    now: datetime,
) -> UUID | None:
    """File a later round of a dispute at the contract, for another person than before.

    Returns: the appeal, or the open one that is about this round now; None where nothing accuses
        the post, so that nobody can decide it here.
    Raises: MissingFact, NotFound.
    """
    analysis = analyses.get(conn, analysis_id)
    accusation = find_accusation(conn, analysis)
    if accusation is None or analysis.creator_id is None:
        return None
    before = appeals.find_of_analysis(conn, analysis_id)
    if before is not None and before.status == "open":
        question = stored_rulings.find_of_appeal(conn, before.id)
        if question is not None:
            stored_rulings.ask_round(conn, question.id, dispute_round)
        return before.id
    return _file(
        conn,
        analysis,
        accusation,
        first_decider=(before.decided_by if before else None) or CONTRACT,
        actor=CONTRACT,
        ground="other",
        statement=statement,
        decide_by=decide_by,
        other_until=other_until,
        now=now,
        dispute_round=dispute_round,
    )


def _file(
    conn: Connection,
    analysis: Analysis,
    accusation: "Accusation",
    *,
    first_decider: str,
    actor: str,
    ground: str,
    statement: str,
    decide_by: datetime,
    other_until: datetime,
    now: datetime,
    dispute_round: int = 1,
) -> UUID:
    assert analysis.creator_id is not None
    original = works.get_work(conn, accusation.work_id)
    other_id = original.creator_id if original.creator_id != analysis.creator_id else None
    appeal = NewAppeal(
        id=uuid4(),
        kind="originality",
        creator_id=analysis.creator_id,
        ground=ground,
        statement=statement,
        filed_at=now,
        first_decider=first_decider,
        decide_by=decide_by,
        analysis_id=analysis.id,
        other_creator_id=other_id,
        other_until=other_until if other_id else None,
    )
    if not appeals.add(conn, appeal):
        raise AppealExists
    if other_id is not None:  # of one's own work no share is in question
        _set_disputed(conn, analysis, True, now)
    if outbox.goes_on_chain(conn, analysis.post_id):
        rulings.open_question(
            conn,
            "appeal",
            analysis.post_id,
            original_post_id=original.post_id,
            now=now,
            analysis_id=analysis.id,
            appeal_id=appeal.id,
            hold=other_id is not None,
            dispute_round=dispute_round,
        )
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="appeal",
        reason_code=ground,
        text=statement,
        appeal_id=appeal.id,
        facts={"analysis_id": str(analysis.id), "matched_work_id": str(original.id)},
    )
    stored = appeals.get(conn, appeal.id)
    subject = _subject(conn, analysis)
    notices.send_receipt(
        conn,
        stored,
        subject,
        original.creator if other_id else None,
        now,
        share_waits=other_id is not None,
    )
    if other_id is not None:
        notices.send_to_other_side(conn, stored, subject, work_name(original), now)
    return appeal.id


@dataclass(frozen=True)
class Accusation:
    """Of which earlier work a post counts as a copy, since when, and who decided so."""

    work_id: UUID
    similarity_bps: int
    at: datetime
    decided_by: str


def find_accusation(conn: Connection, analysis: Analysis) -> Accusation | None:
    """What the verdict in force accuses the work of an analysis of; None where of nothing."""
    if analysis.work_id is None:
        return None
    changes = stored_rulings.changes(conn, analysis.post_id)
    if not changes:
        if (
            analysis.verdict not in APPEALABLE
            or analysis.matched_work_id is None
            or analysis.decided_at is None
        ):
            return None
        similarity, decider = analysis.similarity_bps or 0, _decider_of(conn, analysis)
        return Accusation(analysis.matched_work_id, similarity, analysis.decided_at, decider)
    last = changes[-1]
    if last.verdict not in APPEALABLE or last.original_post_id is None:
        return None
    original = works.find_first_of_post(conn, last.original_post_id)
    if original is None:
        return None
    ruling = stored_rulings.get(conn, last.ruling_id) if last.ruling_id else None
    decided_by = ruling.decided_by if ruling and ruling.decided_by else CONTRACT
    return Accusation(original.id, last.similarity_bps, last.at, decided_by)


def check_appealable(conn: Connection, analysis: Analysis, now: datetime) -> Appeal | None:
    """Check that the verdict can (still) be appealed. Returns: the last decided appeal, if any.

    Raises: NothingToAppeal, TooLate.
    """
    accusation = find_accusation(conn, analysis)
    if accusation is None:
        raise NothingToAppeal(_why_not(conn, analysis))
    if now > accusation.at + APPEAL_WITHIN:
        raise TooLate(f"This could be appealed until {day(accusation.at + APPEAL_WITHIN)}.")
    previous = appeals.find_decided_of_analysis(conn, analysis.id)
    if previous is not None and previous.filed_at < accusation.at:
        previous = None  # about an earlier verdict
    if previous is not None and (
        previous.outcome == "granted" or previous.first_decider != MACHINE
    ):
        raise NothingToAppeal(
            "This verdict was appealed to the last step; what remains is a court or dispute body."
        )
    if appeals.count_lapsed(conn, analysis.id) >= MAX_LAPSED:
        raise NothingToAppeal(
            "Nobody decided your appeals in time; what remains is a court or dispute body."
        )
    return previous


def _why_not(conn: Connection, analysis: Analysis) -> str:
    if analysis.verdict is None:
        return f"The analysis is {analysis.status}; there is no verdict to appeal."
    review = reviews.find_of_analysis(conn, analysis.id)
    if analysis.verdict == "undecided" and review is not None and review.status == "open":
        words = in_words(cost_of(Verdict.UNDECIDED, held_bps=review.held_bps))
        return (
            f"Nothing is decided yet. {words} A person decides by {day(review.decide_by)}: say"
            f" what helps at /analyses/{analysis.id}#review."
        )
    changes = stored_rulings.changes(conn, analysis.post_id)
    verdict = Verdict(changes[-1].verdict if changes else analysis.verdict)
    return f"The verdict is '{verdict}'. {in_words(cost_of(verdict))} There is nothing to appeal."


def add_other_view(
    conn: Connection, appeal_id: UUID, *, creator_id: int, actor: str, view: str, now: datetime
) -> None:
    """Record the other side's view, once and in time. Raises: NotYourCase, TooLate, NotFound."""
    appeal = appeals.get(conn, appeal_id, lock=True)
    if appeal.other_creator_id != creator_id:
        raise NotYourCase("Only the other side of an appeal can answer it.")
    if not appeals.add_view(conn, appeal_id, view, now):
        raise TooLate(
            "The other side answers once, before its time is over and before the appeal is decided."
        )
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="answer",
        reason_code="other_side",
        text=view,
        appeal_id=appeal_id,
    )


def decide_verdict(
    conn: Connection, appeal_id: UUID, *, granted: bool, actor: str, convinced: str, now: datetime
) -> list[UUID]:
    """Decide an appeal against a verdict.

    A granted appeal settles for good that the work is no copy, and queues the other decisions that
    rest on the same reference for re-analysis. What was held moves once the contract says so in a
    final block; where nothing of the post is on chain, at once. There is no decision while the
    other side can still answer, unless it has answered.

    Returns: the analyses to repeat. Raises: NotYourCase, ConflictOfInterest, AccuserCannotDecide,
        StepNotPossible, MissingFact.
    """
    appeal = appeals.get(conn, appeal_id, lock=True)
    if appeal.analysis_id is None:
        raise StepNotPossible("An appeal against held money is decided at its alert.")
    if appeal.other_until and appeal.other_view is None and now < appeal.other_until:
        raise StepNotPossible(f"The other side can still answer until {day(appeal.other_until)}.")
    analysis = analyses.get(conn, appeal.analysis_id)
    before = [appeal.first_decider, *stored_rulings.vetoed(conn, analysis.post_id)]
    if Reviewer(conn, actor).had_a_part(before):
        raise AccuserCannotDecide(
            f"{wording.who(actor)} decided this before; somebody else has to decide the appeal."
        )
    assert analysis.work_id is not None
    accusation = find_accusation(conn, analysis)
    if accusation is None:
        raise StepNotPossible("Nothing accuses this post any more; there is nothing to decide.")
    sides = [works.get_work(conn, work) for work in (analysis.work_id, accusation.work_id)]
    check_neutral(conn, actor, *(side.creator_id for side in sides))
    outcome = "granted" if granted else "refused"
    if not appeals.decide(
        conn, appeal_id, outcome=outcome, decided_by=actor, convinced=convinced, now=now
    ):
        raise StepNotPossible("This appeal is decided already.")
    held = _held_minor(conn, analysis)
    rechecks: list[UUID] = []
    if granted:
        # What both took from a third is nobody's, whoever posts it; else the pair is settled.
        shared = appeal.ground == "public_domain" and shared_sources.enter_appealed(
            conn,
            analysis.evidence,
            accusation.work_id,
            appeal_id=appeal_id,
            source=appeal.statement,
            by=actor,
            now=now,
        )
        if not shared:
            settlements.add(
                conn,
                analysis.work_id,
                accusation.work_id,
                appeal_id=appeal_id,
                decided_by=actor,
                now=now,
            )
        rechecks = appeals.queue_rechecks(
            conn,
            appeal_id,
            accusation.work_id,
            "A decision that rests on the same reference was wrong.",
        )
    is_last = appeal.first_decider != MACHINE
    moved = rulings.decide_work(
        conn,
        analysis.post_id,
        rulings.Found(verdict="original", similarity_bps=accusation.similarity_bps)
        if granted
        else None,
        reason=convinced,
        decided_by=actor,
        now=now,
        kind="appeal",
        analysis_id=analysis.id,
        appeal_id=appeal_id,
    )
    if moved and not granted and appeal.other_creator_id is not None:
        _set_disputed(
            conn, analysis, False, now, not_before=now if is_last else now + payments.DISPUTE_WINDOW
        )
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="decide",
        reason_code=outcome,
        text=convinced,
        appeal_id=appeal_id,
        facts={"paid_back_minor": held if granted and moved else 0, "rechecks": len(rechecks)},
    )
    _send_result(conn, appeal, analysis, outcome, actor, convinced, held, now, moved=moved)
    return rechecks


def lapse_due(db: Database, now: datetime) -> int:
    """Close overdue appeals against verdicts, so that they do not hold money for ever.

    The verdict stays: a missing decision proves nothing about whose work it is.

    Returns: how many were closed. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = [appeal.id for appeal in appeals.overdue(conn, "originality", now)]
    return lapse_each(db, "appeal", waiting, _lapse, now)


def _lapse(conn: Connection, appeal_id: UUID, now: datetime) -> bool:
    appeal = appeals.get(conn, appeal_id, lock=True)
    if appeal.status != "open" or appeal.decide_by > now:
        return False  # another process was faster
    assert appeal.analysis_id is not None
    analysis = analyses.get(conn, appeal.analysis_id)
    is_last = (
        appeals.count_lapsed(conn, analysis.id) + 1 >= MAX_LAPSED or appeal.first_decider != MACHINE
    )
    text = f"Nobody decided it by {day(appeal.decide_by)}. That says nothing about who is right."
    appeals.decide(conn, appeal_id, outcome="lapsed", decided_by=None, convinced=text, now=now)
    held = _held_minor(conn, analysis)
    waits_until = now if is_last else now + payments.DISPUTE_WINDOW
    moved = rulings.decide_work(
        conn,
        analysis.post_id,
        None,
        reason=text,
        decided_by=RULES,
        now=now,
        kind="appeal",
        analysis_id=analysis.id,
        appeal_id=appeal_id,
    )
    if moved and appeal.other_creator_id is not None:
        _set_disputed(conn, analysis, False, now, not_before=waits_until)
    notices.send_result(
        conn,
        appeal,
        _subject(conn, analysis),
        outcome="lapsed",
        decider="the rule that an appeal which nobody decides in time changes nothing",
        convinced=text,
        money_moved=_money_words(analysis, held, now, granted=False, moved=moved),
        next_step=(
            "This was the platform's last step; you can go to a certified dispute body or a court."
        )
        if is_last
        else f"You can appeal again. {_waits(analysis, moved, waits_until)}",
        now=now,
    )
    audit_log.append(
        conn,
        at=now,
        actor=RULES,
        step="decide",
        reason_code="lapsed",
        text=text,
        appeal_id=appeal_id,
    )
    return True


def _send_result(
    conn: Connection,
    appeal: Appeal,
    analysis: Analysis,
    outcome: str,
    actor: str,
    convinced: str,
    held: int,
    now: datetime,
    *,
    moved: bool,
) -> None:
    granted = outcome == "granted"
    is_last = appeal.first_decider != MACHINE
    notices.send_result(
        conn,
        appeal,
        _subject(conn, analysis),
        outcome=outcome,
        decider=wording.who(actor),
        convinced=convinced,
        money_moved=_money_words(analysis, held, now, granted=granted, moved=moved),
        next_step=(
            "You need to do nothing; this pair is settled, with every edit of both, until somebody"
            " brings a new fact."
        )
        if granted
        else "This was the platform's last step; you can go to a certified dispute body or a court."
        if is_last
        else (
            "You can appeal once more; yet another person decides then."
            f" {_waits(analysis, moved, now + payments.DISPUTE_WINDOW)}"
        ),
        now=now,
    )


def _money_words(
    analysis: Analysis, held: int, now: datetime, *, granted: bool, moved: bool
) -> str:
    """What a decided appeal does with the money.

    Args:
        held: Cents that waited for it. moved: Whether they have moved already.
    """
    if analysis.verdict == Verdict.SELF_DUPLICATE:
        return OWN_GRANTED if granted else OWN_REFUSED
    if not granted:
        return (
            f"{money(held)} that waited goes to the original's creator once the decision is final."
        )
    if moved:
        return f"{money(held)} that waited was paid to you on {day(now)}."
    return (
        f"{money(held)} that waits becomes yours. The contract is being told; what it is told can"
        " be seen coming for three days there, and you hear from us again when the money has moved."
    )


def _waits(analysis: Analysis, off_chain: bool, until: datetime) -> str:
    """Until when the money waits for another appeal: the contract counts its own time."""
    if analysis.verdict == Verdict.SELF_DUPLICATE:
        return "No money waits meanwhile; its bonus stays half of an original's."
    if off_chain:
        return f"Until {day(until)} the money goes on waiting for that."
    return (
        "The money goes on waiting for that for as long as was left to dispute when you appealed,"
        " by the contract's clock."
    )


def check_ground(ground: str, allowed: tuple[str, ...]) -> None:
    """Check that a ground is allowed. Raises: UnknownGround."""
    if ground not in allowed:
        raise UnknownGround(f"'{ground}' is no ground here; use one of {', '.join(allowed)}.")


def _held_minor(conn: Connection, analysis: Analysis) -> int:
    return ledger.waiting(conn, analysis.post_id).contested


def _set_disputed(
    conn: Connection,
    analysis: Analysis,
    disputed: bool,
    now: datetime,
    *,
    not_before: datetime | None = None,
) -> None:
    """Hold the disputed share or, from `not_before` on, release it."""
    terms = ledger_terms.find(conn, analysis.post_id)
    if terms is None:
        ledger_terms.follow_analyses(conn, payments.DISPUTE_WINDOW, now, posts=[analysis.post_id])
        terms = ledger_terms.find(conn, analysis.post_id)
    if terms is not None:
        end = max(terms.final_at, not_before or terms.final_at)
        payments.set_terms(
            conn, _with_dispute(terms, analysis, disputed=disputed, final_at=end), now
        )


def _decider_of(conn: Connection, analysis: Analysis) -> str:
    """Who decided what an analysis says: a person where it ends a review."""
    review = reviews.find_of_analysis(conn, analysis.id)
    ended = review is not None and review.ended_by == analysis.id
    return review.decided_by if ended and review and review.decided_by else MACHINE


def _with_dispute(
    terms: PostTerms, analysis: Analysis, *, disputed: bool, final_at: datetime
) -> PostTerms:
    return PostTerms(
        post_id=terms.post_id,
        verdict=terms.verdict,
        redirect_bps=terms.redirect_bps,
        creditor_id=terms.creditor_id,
        final_at=final_at,
        disputed=disputed,
        ruled=terms.ruled,
        analysis_id=analysis.id,
        held_bps=terms.held_bps,
    )


def _subject(conn: Connection, analysis: Analysis) -> str:
    if analysis.work_id is None:  # erased since
        return "a post without a title"
    return f'"{work_name(works.get_work(conn, analysis.work_id))}"'
