"""Which works cannot be found yet, and which decisions wait for them; a decision waits as a row.

Works are waited for by later ones of their own medium. What cannot be waited for (a work of another
medium, media that is slow to come, a work that turns out to be older) is late: those that were
judged without it are judged again.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

from storage.database import Connection
from storage.works.works import Work

READ_LOCK = 0x0_2EAD  # who holds it sees every work that can be found, and no other becomes so
NOBODY = (datetime.max.replace(tzinfo=UTC), 2**63 - 1)  # the place of no work: after all


def expect(conn: Connection, analysis_id: UUID) -> None:
    """Let later works wait for this analysis' work: until it can be found, or the analysis ends."""
    conn.execute(
        "insert into unread_works (analysis_id, media_type, history, dated_at, registration)"
        " select a.id, a.media_type, a.source = 'index', coalesce(w.dated_at, least(a.published_at,"
        " a.committed_at, a.registered_at)), coalesce(w.registration, a.registration) from"
        " analyses a left join works w on w.id = a.work_id where a.id = %s and (w.id is null or"
        " w.read_number is null) on conflict do nothing",
        (analysis_id,),
    )


def note_asked(conn: Connection, analysis_id: UUID) -> None:
    """Note that a request's server is asked for its media now, or as soon as the server has a turn
    for it: from here on its slowness is its own.
    """
    conn.execute(
        "update unread_works set asked_at = clock_timestamp() where analysis_id = %s and asked_at"
        " is null",
        (analysis_id,),
    )


def note_fetched(conn: Connection, analysis_id: UUID) -> None:
    """Note that a request's media is here, so that it is waited for like an upload, at its work's
    place.
    """
    conn.execute(
        "update unread_works u set asked_at = null, dated_at = w.dated_at from analyses a join"
        " works w on w.id = a.work_id where a.id = u.analysis_id and a.id = %s",
        (analysis_id,),
    )


def note_read(
    conn: Connection, analysis_id: UUID, work: Work, media: Collection[str]
) -> list[UUID]:
    """Number a work that can be found now; nothing waits for it any more. Call it last in the
    transaction that puts it into the index: others wait at the lock until that commits.

    Args:
        analysis_id: whichever analysis of the work read it.
        media: types of works that this one can match.

    Returns: the decisions that are due thereby.
    """
    _lock(conn)
    numbered = conn.execute(
        "update works set read_number = nextval('work_reads') where id = %s and read_number is null"
        " returning id",
        (work.id,),
    ).fetchone()
    if numbered is not None:
        conn.execute(
            "update analyses set late = true where id = %(analysis)s and exists (select from works"
            " w join analyses a on a.work_id = w.id where w.read_number is not null and"
            " (w.dated_at, w.registration) > (%(dated_at)s, %(sequence)s) and w.media_type ="
            " any(%(media)s) and w.id <> %(work)s and a.status = 'decided')",
            {
                "analysis": analysis_id,
                "work": work.id,
                "dated_at": work.dated_at,
                "sequence": work.sequence,
                "media": list(media),
            },
        )
    return _forget(
        conn, analysis_id, "analysis_id in (select id from analyses where work_id = %s)", work.id
    )


def forget(conn: Connection, analysis_id: UUID) -> list[UUID]:
    """Let nothing wait for this analysis, nor it for others. Returns: the decisions that are due
    thereby.
    """
    return _forget(conn, analysis_id, "analysis_id = %s", analysis_id)


def release_overdue(conn: Connection, slow_media: timedelta, patience: timedelta) -> list[UUID]:
    """Take up decisions that have waited long enough: for media that does not come, or for all.

    Args:
        slow_media: how long a request's media is waited for once its server was asked.
        patience: how long a decision waits in all.
    """
    overdue = conn.execute(
        "select exists (select from unread_works where asked_at < clock_timestamp() -"
        " %(slow_media)s) or exists (select from waiting_decisions d join analyses a on a.id ="
        " d.analysis_id where a.waiting_since < clock_timestamp() - %(patience)s)",
        {"slow_media": slow_media, "patience": patience},
    ).fetchone()
    if overdue is None or not overdue[0]:
        return []
    _lock(conn)
    slow = conn.execute(
        "delete from unread_works where asked_at < clock_timestamp() - %s returning media_type",
        (slow_media,),
    ).fetchall()
    tired = conn.execute(
        "delete from waiting_decisions d using analyses a where a.id = d.analysis_id and"
        " a.waiting_since < clock_timestamp() - %s returning d.analysis_id",
        (patience,),
    ).fetchall()
    return [row[0] for row in tired] + _release(conn, sorted({row[0] for row in slow}))


def earlier_pending(conn: Connection, work: Work, *, history: bool) -> bool:
    """Whether an earlier work of this one's medium cannot be found yet.

    Args: history: whether historical content that is being registered counts.
    """
    _lock(conn)
    return (work.dated_at, work.sequence) > _frontier(conn, work.media_type, history=history)


def wait(conn: Connection, analysis_id: UUID, work: Work, *, history: bool) -> None:
    """Let a decision wait for earlier works, found pending in this transaction: the one that ends
    the waiting queues it again.
    """
    conn.execute(
        "insert into waiting_decisions (analysis_id, media_type, history, dated_at, registration)"
        " values (%s, %s, %s, %s, %s) on conflict do nothing",
        (analysis_id, work.media_type, history, work.dated_at, work.sequence),
    )


def any_unread(conn: Connection, up_to: int) -> bool:
    """Whether any work up to that number cannot be found yet, and may come to be."""
    row = conn.execute(
        "select exists (select from unread_works where registration <= %s)", (up_to,)
    ).fetchone()
    return bool(row and row[0])


def last_read(conn: Connection) -> int:
    """The number of the last work that can be found; a search that begins now sees all up to it."""
    _lock(conn)
    row = conn.execute("select coalesce(max(read_number), 0) from works").fetchone()
    assert row is not None
    return int(row[0])


def missed_earlier(conn: Connection, work: Work, seen: int, media: Collection[str]) -> bool:
    """Whether an earlier work became one that can be found after a search saw those up to `seen`.

    None becomes so any more before the transaction ends.
    """
    _lock(conn)
    row = conn.execute(
        "select exists (select from works where read_number > %s and (dated_at, registration) <"
        " (%s, %s) and media_type = any(%s))",
        (seen, work.dated_at, work.sequence, list(media)),
    ).fetchone()
    return bool(row and row[0])


def _lock(conn: Connection) -> None:
    conn.execute("select pg_advisory_xact_lock(%s)", (READ_LOCK,))


def _forget(conn: Connection, analysis_id: UUID, unread: LiteralString, of: UUID) -> list[UUID]:
    _lock(conn)
    conn.execute("delete from waiting_decisions where analysis_id = %s", (analysis_id,))
    gone = conn.execute(
        f"delete from unread_works where {unread} returning media_type", (of,)
    ).fetchall()
    return _release(conn, sorted({row[0] for row in gone}))


def _frontier(conn: Connection, media_type: str, *, history: bool) -> tuple[datetime, int]:
    """The place of the first work of a medium that is waited for; the end of time for none."""
    places: list[tuple[datetime, int]] = conn.execute(
        "(select dated_at, registration from unread_works where media_type = %(media)s and not"
        " history order by dated_at, registration limit 1) union all (select dated_at,"
        " registration from unread_works where media_type = %(media)s and history and %(history)s"
        " order by dated_at, registration limit 1)",
        {"media": media_type, "history": history},
    ).fetchall()
    return min(places, default=NOBODY)


def _release(conn: Connection, media: Sequence[str]) -> list[UUID]:
    due: list[UUID] = []
    for media_type in media:
        for history in (False, True):
            dated_at, sequence = _frontier(conn, media_type, history=history)
            rows = conn.execute(
                "delete from waiting_decisions where media_type = %s and history = %s and"
                " (dated_at, registration) <= (%s, %s) returning analysis_id",
                (media_type, history, dated_at, sequence),
            ).fetchall()
            due += [row[0] for row in rows]
    return due
