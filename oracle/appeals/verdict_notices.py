"""Notify creators whose work was judged a copy: why, what it costs them, and how to appeal."""

from datetime import datetime
from uuid import UUID

import structlog

from oracle.notices import templates
from oracle.notices.render import day, render, send_notice
from oracle.notices.titles import work_name
from oracle.payouts.payments import window_of
from oracle.rules.deadlines import APPEAL_WITHIN
from oracle.rules.explain import percent
from storage.cases import messages
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.works import analyses, policies, works

log = structlog.get_logger()


def send_due(db: Database, now: datetime) -> int:
    """Send the notices that are due, once each.

    Returns: how many were sent. Raises: DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = messages.unnotified_copies(conn, now)
    sent = 0
    for analysis_id in waiting:
        try:
            with db.transaction() as conn:
                if messages.lock_unnotified_copy(conn, analysis_id):
                    send_one(conn, analysis_id, now)
                    sent += 1
        except DatabaseUnavailable:
            raise
        # retried later and later, so that it does not delay other notices
        except Exception as exc:
            log.warning("verdict.notice_blocked", analysis_id=str(analysis_id), reason=str(exc))
            with db.transaction() as conn:
                messages.block_copy(conn, analysis_id, str(exc), now)
    return sent


def send_one(conn: Connection, analysis_id: UUID, now: datetime) -> None:
    """Send the notice about one derivative verdict. Raises: MissingFact, NotFound."""
    analysis = analyses.get(conn, analysis_id)
    assert analysis.work_id is not None
    assert analysis.matched_work_id is not None
    assert analysis.creator_id is not None
    own, original = (
        works.get_work(conn, analysis.work_id),
        works.get_work(conn, analysis.matched_work_id),
    )
    window = window_of(policies.find_terms(conn, analysis.policy_version))
    similarity, threshold, base = (
        analysis.similarity_bps,
        analysis.threshold_bps,
        analysis.base_redirect_bps,
    )
    notice = render(
        templates.COPY_FOUND,
        {
            "subject": f'"{work_name(own)}"',
            "original": work_name(original),
            "owner": original.creator,
            "registered_at": day(original.registered_at),
            "decided_at": day(analysis.decided_at) if analysis.decided_at else None,
            "redirect": percent(analysis.redirect_bps)
            if analysis.redirect_bps is not None
            else None,
            "similarity": percent(similarity) if similarity is not None else None,
            "threshold": percent(threshold),
            "formula": None if similarity is None else _formula(similarity, threshold, base),
            "certainty": f"the strength of the match is {analysis.tier}."
            if analysis.tier
            else None,
            "viewer_link": f"/analyses/{analysis_id}",
            "appeal_link": f"/analyses/{analysis_id} or POST /v1/appeals",
            "appeal_end": day(analysis.decided_at + APPEAL_WITHIN) if analysis.decided_at else None,
            "waits_until": day(analysis.decided_at + window) if analysis.decided_at else None,
            "decider": f"the oracle under policy {analysis.policy_version}",
            "case": analysis_id.hex,
        },
    )
    send_notice(conn, notice, analysis.creator_id, now, analysis_id=analysis_id)


def _formula(similarity_bps: int, threshold_bps: int, base_bps: int) -> str:
    s, t = percent(similarity_bps), percent(threshold_bps)
    return f"{percent(base_bps)} × ({s} − {t}) / (100 % − {t})"
