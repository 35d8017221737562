"""Lists of works, analyses and creators, the newest first, by what is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.works import works
from storage.works.works import Work


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose works a reader may list; where both are None, everybody's.

    Attributes:
        creator_id: those of one creator.
        poster: those that one platform posted, as works have it in `posted_by`.
    """

    creator_id: int | None = None
    poster: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorkFilter:
    """What is asked for of works; what is None is not asked for. Hashes and ids 32 bytes."""

    creator_id: int | None = None
    external_id: str | None = None
    post_id: bytes | None = None
    sha256: bytes | None = None
    media_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnalysisFilter(WorkFilter):
    """What is asked for of analyses.

    Attributes:
        request_id: a contract's request, or the id of an upload's attestation.
        tx_hash: the transaction that recorded the decision.
    """

    work_id: UUID | None = None
    request_id: bytes | None = None
    tx_hash: bytes | None = None
    status: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListedAnalysis:
    """An analysis as lists show it."""

    id: UUID
    status: str
    verdict: str | None
    reason: str | None
    similarity_bps: int | None
    redirect_bps: int | None
    base_redirect_bps: int
    work_id: UUID | None
    post_id: bytes
    media_type: str
    creator: str | None
    external_id: str | None
    request_id: bytes | None
    tx_hash: bytes | None
    created_at: datetime
    decided_at: datetime | None


_WORKS = {
    "creator_id": "w.creator_id = %(creator_id)s",
    "external_id": "w.external_id = %(external_id)s",
    "post_id": "w.post_id = %(post_id)s",
    "sha256": "w.sha256 = %(sha256)s",
    "media_type": "w.media_type = %(media_type)s",
}
_ANALYSES = {
    "creator_id": "a.creator_id = %(creator_id)s",
    "external_id": "w.external_id = %(external_id)s",
    "post_id": "a.post_id = %(post_id)s",
    "sha256": "w.sha256 = %(sha256)s",
    "media_type": "a.media_type = %(media_type)s",
    "work_id": "a.work_id = %(work_id)s",
    "request_id": "(a.request_id = %(request_id)s or o.request_id = %(request_id)s)",
    "tx_hash": "o.tx_hash = %(tx_hash)s",
    "status": "a.status = %(status)s",
    "verdict": "a.verdict = %(verdict)s",
}
_WHOSE = {
    "creator_id": "{0}.creator_id = %(whose_creator_id)s",
    "poster": "w.posted_by = %(whose_poster)s",
}


def list_works(
    conn: Connection,
    whose: Whose,
    wanted: WorkFilter,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Work]:
    """Return works, the newest first, from before a cursor (registered_at, id)."""
    where, params = _where(whose, wanted, _WORKS, "w", "w.registered_at", before)
    rows = conn.execute(
        f"select w.id from works w where {where} order by w.registered_at desc, w.id desc"
        " limit %(limit)s",
        params | {"limit": limit},
    ).fetchall()
    ids = [row[0] for row in rows]
    known = works.get_works(conn, ids)
    return [known[number] for number in ids]


def list_analyses(
    conn: Connection,
    whose: Whose,
    wanted: AnalysisFilter,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[ListedAnalysis]:
    """Return analyses, the newest first, from before a cursor (created_at, id)."""
    where, params = _where(whose, wanted, _ANALYSES, "a", "a.created_at", before)
    with conn.cursor(row_factory=class_row(ListedAnalysis)) as cursor:
        return cursor.execute(
            "select a.id, a.status, a.verdict, a.reason, a.similarity_bps, a.redirect_bps,"
            " a.base_redirect_bps, a.work_id, a.post_id, a.media_type, c.handle as creator,"
            " w.external_id, coalesce(o.request_id, a.request_id) as request_id, o.tx_hash,"
            " a.created_at, a.decided_at from analyses a"
            " left join works w on w.id = a.work_id left join creators c on c.id = a.creator_id"
            f" left join outbox o on o.analysis_id = a.id where {where}"
            " order by a.created_at desc, a.id desc limit %(limit)s",
            params | {"limit": limit},
        ).fetchall()


def list_creators(
    conn: Connection, whose: Whose, *, after: str | None, limit: int
) -> Sequence[tuple[str, bytes, int, datetime]]:
    """Return creators in the order of their handles, from after one.

    Returns: handle, account (20 bytes), number of works, and since when each is registered.
    """
    return conn.execute(
        "select c.handle, c.account, count(w.id), c.created_at from creators c"
        " left join works w on w.creator_id = c.id and w.erased_at is null"
        " where not c.merged and (%(after)s::text is null or c.handle > %(after)s)"
        " and (%(creator_id)s::bigint is null or c.id = %(creator_id)s)"
        " and (%(poster)s::text is null or exists (select from works p where p.creator_id = c.id"
        " and p.posted_by = %(poster)s))"
        " group by c.id order by c.handle limit %(limit)s",
        {"after": after, "limit": limit, **vars(whose)},
    ).fetchall()


def _where(
    whose: Whose,
    wanted: WorkFilter,
    filters: Mapping[str, str],
    table: str,
    at: str,
    before: tuple[datetime, UUID] | None,
) -> tuple[str, dict[str, Any]]:
    """Return the condition of a list, and its parameters."""
    clauses = [filters[name] for name, value in vars(wanted).items() if value is not None]
    clauses += [
        _WHOSE[name].format(table) for name, value in vars(whose).items() if value is not None
    ]
    params = vars(wanted) | {f"whose_{name}": value for name, value in vars(whose).items()}
    if before is not None:
        clauses.append(f"({at}, {table}.id) < (%(before_at)s, %(before_id)s)")
        params |= {"before_at": before[0], "before_id": before[1]}
    return " and ".join(clauses) or "true", params
