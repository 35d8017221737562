"""The registry of what nobody here claims, and what each entry judges again."""

import json
from datetime import datetime
from uuid import UUID

from oracle.jobs import Jobs
from oracle.originality.rejudge import DISPUTE_WINDOW_S, queue
from oracle.rules.credit import is_mainly
from oracle.rules.decision import similarity_to_bps
from oracle.rules.overlap import WHOLE, Part, lies_in, parts_of
from storage.cases import shared_sources
from storage.cases.shared_sources import SharedSource
from storage.database import Connection
from storage.fraud import audit_log
from storage.works import analyses, works


def enter(
    conn: Connection,
    work_id: UUID,
    part: Part | None,
    *,
    origin: str,
    source: str,
    by: str,
    now: datetime,
    appeal_id: UUID | None = None,
) -> bool:
    """Enter a part of a work, None for all of it. Returns: False where it was entered before.

    What rested on it is to be judged again.
    """
    known = shared_sources.among(conn, [work_id]).get(work_id, [])
    if any(
        lies_in(part or WHOLE, Part.from_json(entry.part) if entry.part else None)
        for entry in known
    ):
        return False
    shared_sources.add(
        conn,
        work_id,
        part=part.as_json() if part else None,
        origin=origin,
        source=source,
        by=by,
        now=now,
        appeal_id=appeal_id,
    )
    _note(conn, "share", work_id, by, source, now)
    return True


def enter_appealed(
    conn: Connection,
    evidence: bytes | None,
    work_id: UUID,
    *,
    appeal_id: UUID,
    source: str,
    by: str,
    now: datetime,
) -> bool:
    """Enter what an accused work shares with another, as people found that both took it elsewhere.

    Args:
        evidence: of the accusation. source: where both took it from, as the appeal says.
    Returns: False where the evidence names no part.
    """
    matches = json.loads(evidence)["matches"] if evidence else []
    match = next((m for m in matches if m["work"]["id"] == str(work_id)), None)
    if match is None:
        return False
    _, part = parts_of(
        match,
        similarity_to_bps(match["query_coverage"]),
        similarity_to_bps(match["reference_coverage"]),
    )
    # Of a picture that is mainly from there all of it is; in time something else may follow.
    mainly = bool(part.region) and is_mainly(part.share_bps)
    enter(
        conn,
        work_id,
        None if mainly else part,
        origin="appeal",
        source=source,
        by=by,
        now=now,
        appeal_id=appeal_id,
    )
    return True


def exclude(
    conn: Connection, jobs: Jobs, work_id: UUID, part: Part, *, because: str, by: str, now: datetime
) -> bool:
    """Enter a part of a work that its own creator claims nothing for; what copies the work is
    judged again. Returns: False where it was entered before.
    """
    if not enter(
        conn, work_id, part, origin=shared_sources.CREATOR, source=because, by=by, now=now
    ):
        return False
    copies = analyses.find_dependents(conn, work_id)
    queue(conn, jobs, analyses.find_changeable(conn, copies, DISPUTE_WINDOW_S))
    return True


def end(
    conn: Connection, jobs: Jobs, number: UUID, *, by: str, because: str, now: datetime
) -> SharedSource:
    """End an entry, as somebody proved ownership; what rested on it is judged again, and a work
    that a catalogue brought, which came before everything, counts from its registration on. What
    its own creator took out and claims again changes no verdict of before.

    Raises: NotFound.
    """
    ended = shared_sources.end(conn, number, by=by, because=because, now=now)
    rested = (
        []
        if ended.origin == shared_sources.CREATOR
        else shared_sources.rested_on(conn, ended.work_id)
    )
    if ended.origin == "catalogue":
        works.date_by_registration(conn, ended.work_id)
        rested.append(ended.work_id)
    queue(conn, jobs, analyses.find_changeable(conn, rested, DISPUTE_WINDOW_S))
    _note(conn, "unshare", ended.work_id, by, because, now)
    return ended


def end_of_appeal(
    conn: Connection, jobs: Jobs, appeal_id: UUID, *, by: str, because: str, now: datetime
) -> None:
    """End what an appeal entered, as it was overruled; what rested on it is judged again."""
    for number in shared_sources.of_appeal(conn, appeal_id):
        end(conn, jobs, number, by=by, because=because, now=now)


def _note(conn: Connection, step: str, work_id: UUID, by: str, because: str, now: datetime) -> None:
    audit_log.append(
        conn,
        at=now,
        actor=by,
        step=step,
        reason_code="shared_source",
        text=because,
        facts={"work_id": str(work_id)},
    )
