"""Claims that a post copies an earlier work of the claimant's: both sides are heard, a person
decides, and the share in question waits until then.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from oracle.appeals import rulings
from oracle.appeals.apart import lapse_each
from oracle.appeals.errors import (
    AccuserCannotDecide,
    AppealExists,
    NothingToClaim,
    NotYourCase,
    SimilarityNeeded,
    StepNotPossible,
    TooManyClaims,
)
from oracle.appeals.neutral import Reviewer, check_neutral
from oracle.appeals.verdicts import ANSWER_WITHIN, ORIGINALITY_WITHIN
from oracle.jobs import Jobs
from oracle.notices import templates, wording
from oracle.notices.actors import MACHINE, RULES
from oracle.notices.render import day, render, send_notice
from oracle.notices.titles import work_name
from oracle.originality.attestation import account_of
from oracle.originality.judge import precedence_of
from oracle.payouts import payments
from oracle.rules.decision import redirect_bps
from oracle.rules.explain import percent
from storage.cases import appeals, claims, settlements
from storage.cases import rulings as stored_rulings
from storage.cases.appeals import Appeal, NewAppeal
from storage.chain import outbox
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.ledger import terms as ledger_terms
from storage.ledger.terms import PostTerms
from storage.works import analyses, works
from storage.works.analyses import Analysis
from storage.works.works import Work

# Of one creator: undecided at a time, and lost in bad faith within a year.
MAX_OPEN, MAX_BAD_FAITH = 5, 2
YEAR = timedelta(days=365)
# What waits for a claim as on chain, where no measured similarity says more.
HOLD_BPS = 5_000


def claim_copy(
    conn: Connection,
    jobs: Jobs,
    analysis_id: UUID,
    earlier_work_id: UUID,
    *,
    creator_id: int,
    actor: str,
    statement: str,
    now: datetime,
) -> UUID:
    """Claim that the work of an analysis copies an earlier work of one's own.

    The two are compared again with all their features, the other side is heard, and the share in
    question waits until a person has decided, at the contract where the post is there.

    Returns: the claim's id; it is read, answered and decided like an appeal.
    Raises: NotYourCase, NothingToClaim, TooManyClaims, AppealExists, MissingFact, NotFound.
    """
    analysis = analyses.get(conn, analysis_id)
    earlier = works.get_work(conn, earlier_work_id)
    work = _check_claimable(conn, analysis, earlier, creator_id)
    _check_limits(conn, creator_id, now)
    claim = NewAppeal(
        id=uuid4(),
        kind="claim",
        creator_id=creator_id,
        ground="copies_mine",
        statement=statement,
        filed_at=now,
        first_decider=MACHINE,
        decide_by=now + ORIGINALITY_WITHIN,
        analysis_id=analysis_id,
        other_creator_id=work.creator_id,
        other_until=now + ANSWER_WITHIN if work.creator_id else None,
        earlier_work_id=earlier_work_id,
    )
    if not appeals.add(conn, claim):
        raise AppealExists("This was claimed before; one question is asked once.")
    claims.add_check(conn, claim.id)
    jobs.defer(conn, claim.id)
    if outbox.goes_on_chain(conn, work.post_id):
        rulings.open_question(
            conn,
            "claim",
            work.post_id,
            original_post_id=earlier.post_id,
            now=now,
            analysis_id=analysis_id,
            appeal_id=claim.id,
        )
    else:
        _hold_off_chain(conn, analysis, claim.decide_by, now)
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="claim",
        reason_code="copies_mine",
        text=statement,
        appeal_id=claim.id,
        facts={"analysis_id": str(analysis_id), "earlier_work_id": str(earlier_work_id)},
    )
    _send_filed(conn, claim, work, earlier, now)
    return claim.id


def decide_claim(
    conn: Connection,
    claim_id: UUID,
    *,
    upheld: bool,
    actor: str,
    convinced: str,
    now: datetime,
    similarity_bps: int | None = None,
    bad_faith: bool = False,
) -> None:
    """Decide a claim. There is no decision while the other side can still answer, unless it has.

    Args:
        similarity_bps: How close the two are, where a person saw what the judge did not prove;
            what was measured counts where it is left out.
        bad_faith: Whether a refused claim was made against better knowledge.
    Raises: NotYourCase, ConflictOfInterest, AccuserCannotDecide, StepNotPossible,
        SimilarityNeeded, MissingFact.
    """
    claim = appeals.get(conn, claim_id, lock=True)
    if claim.kind != "claim" or claim.analysis_id is None or claim.earlier_work_id is None:
        raise StepNotPossible("This is no claim.")
    if claim.other_until and claim.other_view is None and now < claim.other_until:
        raise StepNotPossible(f"The other side can still answer until {day(claim.other_until)}.")
    analysis = analyses.get(conn, claim.analysis_id)
    assert analysis.work_id is not None
    work = works.get_work(conn, analysis.work_id)
    earlier = works.get_work(conn, claim.earlier_work_id)
    check_neutral(conn, actor, work.creator_id, earlier.creator_id)
    before = [claim.first_decider, *stored_rulings.vetoed(conn, analysis.post_id)]
    if Reviewer(conn, actor).had_a_part(before):
        raise AccuserCannotDecide("You decided this before; somebody else has to decide it now.")
    found = _found(conn, claim, analysis, earlier, similarity_bps) if upheld else None
    if not appeals.decide(
        conn,
        claim_id,
        outcome="granted" if upheld else "refused",
        decided_by=actor,
        convinced=convinced,
        now=now,
    ):
        raise StepNotPossible("This claim is decided already.")
    if upheld:  # a new fact
        settlements.end(conn, work.id, earlier.id, by=actor, because=convinced, now=now)
    if bad_faith and not upheld:
        claims.mark_bad_faith(conn, claim_id)
    _end(conn, claim, analysis, found, convinced, actor, now)
    audit_log.append(
        conn,
        at=now,
        actor=actor,
        step="decide",
        reason_code="granted" if upheld else "refused_bad_faith" if bad_faith else "refused",
        text=convinced,
        appeal_id=claim_id,
        facts={"similarity_bps": found.similarity_bps if found else 0},
    )
    _send_result(conn, claim, work, earlier, found, analysis, convinced, actor, now)


def lapse_due(db: Database, now: datetime) -> int:
    """End claims that nobody decided in time: the verdict stays, and nothing waits any more.

    Returns: how many. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = [claim.id for claim in appeals.overdue(conn, "claim", now)]
    return lapse_each(db, "claim", waiting, _lapse, now)


def _lapse(conn: Connection, claim_id: UUID, now: datetime) -> bool:
    claim = appeals.get(conn, claim_id, lock=True)
    if claim.status != "open" or claim.decide_by > now:
        return False  # another process was faster
    assert claim.analysis_id is not None and claim.earlier_work_id is not None
    analysis = analyses.get(conn, claim.analysis_id)
    assert analysis.work_id is not None
    text = f"Nobody decided it by {day(claim.decide_by)}. That says nothing about who is right."
    appeals.decide(conn, claim_id, outcome="lapsed", decided_by=None, convinced=text, now=now)
    _end(conn, claim, analysis, None, text, RULES, now)
    audit_log.append(
        conn,
        at=now,
        actor=RULES,
        step="decide",
        reason_code="lapsed",
        text=text,
        appeal_id=claim_id,
    )
    work = works.get_work(conn, analysis.work_id)
    earlier = works.get_work(conn, claim.earlier_work_id)
    _send_result(conn, claim, work, earlier, None, analysis, text, RULES, now)
    return True


def _check_claimable(conn: Connection, analysis: Analysis, earlier: Work, creator_id: int) -> Work:
    """Raises: NotYourCase, NothingToClaim."""
    if earlier.creator_id != creator_id:
        raise NotYourCase("Only the creator of the earlier work can claim that it was copied.")
    if analysis.work_id is None or analysis.status != "decided":
        raise NothingToClaim("That post is not decided yet; claim once it is.")
    work = works.get_work(conn, analysis.work_id)
    if work.creator_id == creator_id:
        raise NothingToClaim("Both works are your own.")
    if earlier.erased_at is not None or work.erased_at is not None:
        raise NothingToClaim("One of the works was erased: there is nothing to compare.")
    if precedence_of(earlier) >= precedence_of(work):
        raise NothingToClaim(
            f"Your work is proven to exist since {day(earlier.dated_at)}, the other one since"
            f" {day(work.dated_at)}: it did not come first."
        )
    if analysis.verdict == "derivative" and analysis.matched_work_id == earlier.id:
        raise NothingToClaim("It counts as a copy of this work already.")
    return work


def _check_limits(conn: Connection, creator_id: int, now: datetime) -> None:
    """Raises: TooManyClaims."""
    if claims.count_open(conn, creator_id) >= MAX_OPEN:
        raise TooManyClaims(f"{MAX_OPEN} claims of yours are undecided; wait for one of them.")
    if claims.count_bad_faith(conn, creator_id, now - YEAR) >= MAX_BAD_FAITH:
        raise TooManyClaims(
            f"{MAX_BAD_FAITH} of your claims within a year were made against better knowledge."
            " With a bond you can claim at the contract itself."
        )


def _found(
    conn: Connection, claim: Appeal, analysis: Analysis, earlier: Work, similarity_bps: int | None
) -> rulings.Found:
    if similarity_bps is None:
        check = claims.find_check(conn, claim.id)
        similarity_bps = check.similarity_bps if check and check.similarity_bps else 0
    if similarity_bps < analysis.threshold_bps:
        raise SimilarityNeeded(
            f"{percent(similarity_bps)} is below the threshold of"
            f" {percent(analysis.threshold_bps)} that the post was judged under. Say how close you"
            " find the two (similarity_bps), or refuse the claim."
        )
    return rulings.Found(
        verdict="derivative",
        similarity_bps=similarity_bps,
        original_post_id=earlier.post_id,
        original_account=account_of(earlier),
    )


def _end(
    conn: Connection,
    claim: Appeal,
    analysis: Analysis,
    found: rulings.Found | None,
    reason: str,
    decided_by: str,
    now: datetime,
) -> None:
    off_chain = rulings.decide_work(
        conn,
        analysis.post_id,
        found,
        reason=reason,
        decided_by=decided_by,
        now=now,
        kind="claim",
        analysis_id=analysis.id,
        appeal_id=claim.id,
    )
    if off_chain and found is None:
        _hold_off_chain(conn, analysis, now, now, held_bps=0)


def _hold_off_chain(
    conn: Connection,
    analysis: Analysis,
    until: datetime,
    now: datetime,
    *,
    held_bps: int | None = None,
) -> None:
    """Hold the share in question, of a post that no contract knows."""
    ledger_terms.follow_analyses(conn, payments.DISPUTE_WINDOW, now, posts=[analysis.post_id])
    terms = ledger_terms.find(conn, analysis.post_id)
    if terms is None:
        return  # a post that earns nothing here
    measured = redirect_bps(
        analysis.similarity_bps or 0, analysis.threshold_bps, analysis.base_redirect_bps
    )
    payments.set_terms(
        conn,
        PostTerms(
            post_id=terms.post_id,
            verdict=terms.verdict,
            redirect_bps=terms.redirect_bps,
            creditor_id=terms.creditor_id,
            final_at=until if held_bps == 0 else max(until, terms.final_at),
            disputed=terms.disputed,
            ruled=terms.ruled,
            analysis_id=terms.analysis_id,
            held_bps=(measured or HOLD_BPS) if held_bps is None else held_bps,
        ),
        now,
    )


def _send_filed(
    conn: Connection, claim: NewAppeal, work: Work, earlier: Work, now: datetime
) -> None:
    facts = {
        "subject": f'"{work_name(work)}"',
        "original": work_name(earlier),
        "registered_at": day(earlier.registered_at),
        "filed_at": day(claim.filed_at),
        "decide_by": day(claim.decide_by),
        "other_until": day(claim.other_until or claim.filed_at),
        "statement": claim.statement,
        "claim_link": f"/appeals/{claim.id}",
        "claim": str(claim.id),
    }
    receipt = render(templates.CLAIM_FILED, facts)
    send_notice(conn, receipt, claim.creator_id, now, appeal_id=claim.id)
    if claim.other_creator_id is not None:
        other = render(templates.CLAIM_OTHER_SIDE, facts)
        send_notice(conn, other, claim.other_creator_id, now, appeal_id=claim.id)


def _send_result(
    conn: Connection,
    claim: Appeal,
    work: Work,
    earlier: Work,
    found: rulings.Found | None,
    analysis: Analysis,
    convinced: str,
    actor: str,
    now: datetime,
) -> None:
    lapsed = actor == RULES
    share = (
        redirect_bps(found.similarity_bps, analysis.threshold_bps, analysis.base_redirect_bps)
        if found
        else 0
    )
    facts = {
        "subject": f'"{work_name(work)}"',
        "original": work_name(earlier),
        "outcome": "upheld" if found else "not decided in time" if lapsed else "not upheld",
        "convinced": convinced,
        "money": f"{percent(share)} of what it earns goes to the earlier work's creator once the"
        " contract says so; both sides hear from us then."
        if found
        else "what waited for this claim is its creator's own.",
        "decided_at": day(now),
        "decider": "the rule that a claim which nobody decides in time changes nothing"
        if lapsed
        else wording.who(actor),
        "claim": str(claim.id),
    }
    next_steps = {
        claim.creator_id: "You need to do nothing."
        if found
        else "With a bond you can claim at the contract itself, or go to a certified dispute body"
        " or a court.",
        claim.other_creator_id: "You can appeal once that is in force, free of charge; another"
        " person decides then. Or go to a certified dispute body or a court."
        if found
        else "You need to do nothing.",
    }
    for creator_id, next_step in next_steps.items():
        if creator_id is not None:
            notice = render(templates.CLAIM_RESULT, facts | {"next_step": next_step})
            send_notice(conn, notice, creator_id, now, appeal_id=claim.id)
