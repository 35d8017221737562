"""Histories of creators: what is known of their posts here, and what others signed of elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from storage.database import Connection

# Each post of a creator with its verdict in force, its grade, and what was booked for it.
_POSTS = """
select '0x' || encode(p.post_id, 'hex') as post_id, encode(w.sha256, 'hex') as sha256, p.media_type,
    p.published_at, coalesce(t.verdict, a.verdict) as verdict,
    coalesce(t.redirect_bps, a.redirect_bps) as redirect_bps, a.decided_at,
    encode(a.evidence_hash, 'hex') as evidence_hash, g.grade, g.status as grade_status, g.score_bps,
    m.base, m.bonus
from posts p
left join grades g using (post_id)
left join post_terms t using (post_id)
left join works w on w.id = p.work_id
left join lateral (
    select verdict, redirect_bps, decided_at, evidence_hash from analyses
    where post_id = p.post_id and status = 'decided' order by decided_at desc, id limit 1
) a on true
cross join lateral (
    select coalesce(sum(amount_minor) filter (where entry in ('base', 'adjustment')), 0)::bigint
            as base,
        coalesce(sum(amount_minor) filter (where entry = 'bonus'), 0)::bigint as bonus
    from ledger_postings l where l.post_id = p.post_id
        and l.creator_id = any(rows_of_creator(%(creator)s)) and l.bucket <> 'budget'
) m
where p.creator_id = %(creator)s order by p.published_at, p.post_id
"""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A history that another installation signed. issuer: 20 bytes."""

    id: int
    issuer: bytes
    issued_at: datetime
    document: Mapping[str, Any]
    imported_by: str
    imported_at: datetime


def posts_of(conn: Connection, creator_id: int) -> list[dict[str, Any]]:
    """Return what is known of each post of a creator, the oldest first; money in hundredths."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_POSTS, {"creator": creator_id}).fetchall()


def add(
    conn: Connection,
    creator_id: int,
    *,
    issuer: bytes,
    issued_at: datetime,
    digest: bytes,
    document: Mapping[str, Any],
    by: str,
) -> bool:
    """Store a history. Returns: False where the same one is here already."""
    added = conn.execute(
        "insert into imported_histories (creator_id, issuer, issued_at, digest, document,"
        " imported_by) values (%s, %s, %s, %s, %s, %s) on conflict (creator_id, digest) do nothing",
        (creator_id, issuer, issued_at, digest, json.dumps(dict(document)), by),
    )
    return added.rowcount == 1


def list_of(conn: Connection, creator_id: int) -> list[Imported]:
    """Return a creator's imported histories, the newest of each issuer first."""
    with conn.cursor(row_factory=class_row(Imported)) as cursor:
        return cursor.execute(
            "select distinct on (issuer) id, issuer, issued_at, document, imported_by, imported_at"
            " from imported_histories where creator_id = any(rows_of_creator(%s))"
            " order by issuer, issued_at desc",
            (creator_id,),
        ).fetchall()
