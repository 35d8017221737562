"""Notify creators of every verdict that costs or holds money: why, how much, what can be done."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from oracle.appeals.source_notices import tell_sources
from oracle.notices import templates, wording
from oracle.notices.render import day, render, send_notice
from oracle.notices.titles import work_name
from oracle.originality.evidence import explained
from oracle.payouts.payments import window_of
from oracle.rules.cost import cost_of, in_words
from oracle.rules.deadlines import APPEAL_WITHIN
from oracle.rules.decision import Verdict
from oracle.rules.explain import percent
from oracle.rules.review import at_deadline
from storage.cases import messages, reviews
from storage.cases.reviews import Review
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.works import analyses, policies, works
from storage.works.analyses import Analysis
from storage.works.works import Work

log = structlog.get_logger()

DECIDED = {
    Verdict.LICENSED: "used with permission",
    Verdict.UNDECIDED: "not decided, without a badge",
}


def send_due(db: Database, now: datetime) -> int:
    """Send the notices that are due, once each.

    Returns: how many were sent. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = messages.unnotified_verdicts(conn, now)
    sent = 0
    for analysis_id in waiting:
        try:
            with db.transaction() as conn:
                if messages.lock_unnotified_verdict(conn, analysis_id):
                    send_one(conn, analysis_id, now)
                    sent += 1
        except DatabaseUnavailable:
            raise
        # retried later and later, so that it does not delay other notices
        except Exception as exc:
            log.warning("verdict.notice_blocked", analysis_id=str(analysis_id), reason=str(exc))
            with db.transaction() as conn:
                messages.block_verdict(conn, analysis_id, str(exc), now)
    return sent


def send_one(conn: Connection, analysis_id: UUID, now: datetime) -> None:
    """Send the notice about one verdict. Raises: MissingFact, NotFound."""
    analysis = analyses.get(conn, analysis_id)
    assert analysis.work_id is not None
    assert analysis.creator_id is not None
    own = works.get_work(conn, analysis.work_id)
    nearest = works.get_work(conn, analysis.matched_work_id) if analysis.matched_work_id else None
    review = reviews.find_of_analysis(conn, analysis_id)
    facts: dict[str, Any] = {
        "subject": f'"{work_name(own)}"',
        "decided_at": day(analysis.decided_at) if analysis.decided_at else None,
        "similarity": _percent(analysis.similarity_bps),
        "threshold": percent(analysis.threshold_bps),
        "certainty": f"the strength of the match is {analysis.tier}." if analysis.tier else None,
        "viewer_link": f"/analyses/{analysis_id}",
        "appeal_link": f"/analyses/{analysis_id}#appeal",
        "appeal_end": day(analysis.decided_at + APPEAL_WITHIN) if analysis.decided_at else None,
        "decider": _decider(analysis, review),
        "case": analysis_id.hex,
    }
    match Verdict(analysis.verdict or ""):
        case Verdict.DERIVATIVE:
            template = templates.COPY_FOUND
            facts |= _original(nearest) | _redirect(conn, analysis)
        case Verdict.SELF_DUPLICATE:
            template = templates.OWN_COPY
            facts |= _original(nearest)
        case Verdict.UNDECIDED if review is None or review.ended_by != analysis_id:
            template = templates.UNDECIDED
            assert review is not None
            facts |= {
                "explanation": explained(analysis, {nearest.id: nearest} if nearest else {}),
                "money": in_words(cost_of(Verdict.UNDECIDED, held_bps=review.held_bps)),
                "nearest": f'"{work_name(nearest)}" by {nearest.creator or "an unnamed creator"},'
                f" {_percent(analysis.similarity_bps)} similar"
                if nearest
                else "none that says anything",
                "would_help": wording.would_help(review.reason, analysis.media_type),
                "review_link": f"/analyses/{analysis_id}#review",
                "decide_by": day(review.decide_by),
                "otherwise": "it counts as original"
                if at_deadline(review.reason) is Verdict.ORIGINAL
                else "it stays without a badge, as what the other creator posted does",
            }
        case verdict:
            template = templates.DECIDED
            facts |= {
                "verdict": DECIDED.get(verdict, "original"),
                "money": f"{in_words(cost_of(verdict))} What waited is yours; of a post on chain it"
                " is paid out once the contract says so in a final block.",
                "why": review.because
                if review and review.ended_by == analysis_id
                else "a later analysis could see everything.",
            }
    notice = render(template, facts)
    send_notice(conn, notice, analysis.creator_id, now, analysis_id=analysis_id)
    source = nearest if analysis.verdict == Verdict.DERIVATIVE else None
    tell_sources(conn, analysis, own, source, facts, now)


def _original(work: Work | None) -> dict[str, Any]:
    if work is None:
        return {}
    return {
        "original": work_name(work),
        "owner": work.creator,
        "registered_at": day(work.registered_at),
    }


def _redirect(conn: Connection, analysis: Analysis) -> dict[str, Any]:
    window = window_of(policies.find_terms(conn, analysis.policy_version))
    similarity, decided_at = analysis.similarity_bps, analysis.decided_at
    formula = (
        None
        if similarity is None
        else _formula(similarity, analysis.threshold_bps, analysis.base_redirect_bps)
    )
    return {
        "redirect": _percent(analysis.redirect_bps),
        "formula": formula,
        "waits_until": day(decided_at + window) if decided_at else None,
    }


def _decider(analysis: Analysis, review: Review | None) -> str:
    if review is not None and review.ended_by == analysis.id and analysis.source == "review":
        return f"by {wording.who(review.decided_by or '')}"
    return f"automatically by the oracle under policy {analysis.policy_version}"


def _percent(bps: int | None) -> str | None:
    return None if bps is None else percent(bps)


def _formula(similarity_bps: int, threshold_bps: int, base_bps: int) -> str:
    s, t = percent(similarity_bps), percent(threshold_bps)
    return f"{percent(base_bps)} × ({s} − {t}) / (100 % − {t})"
