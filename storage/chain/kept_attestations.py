"""Attestations of backfilled works: kept until somebody needs one on chain."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from storage.chain.outbox import POLICY_ENDED
from storage.database import Connection


def keep(
    conn: Connection, *, analysis_id: UUID, request_id: bytes, report: Mapping[str, Any]
) -> bool:
    """Keep the attestation of a work that nobody asked for; one that goes on chain already stays.

    A later analysis of the work takes the place of the one before. One that the chain refused
    because its policy had ended makes room for a decision under another.

    Returns: whether there was such a one, so that this one is to be posted.
    """
    refused = conn.execute(
        "delete from outbox where request_id = %s and status = 'refused' and error_code = %s and"
        " report ->> 'config_version' <> %s",
        (request_id, POLICY_ENDED, str(report["config_version"])),
    )
    conn.execute(
        "insert into kept_attestations (request_id, analysis_id, report) select %(id)s,"
        " %(analysis)s, %(report)s where not exists (select from outbox where request_id = %(id)s)"
        " on conflict (request_id) do update set analysis_id = excluded.analysis_id, report ="
        " excluded.report, kept_at = now()",
        {"id": request_id, "analysis": analysis_id, "report": json.dumps(dict(report))},
    )
    return refused.rowcount > 0


def post(conn: Connection, post_id: bytes | None = None) -> int:
    """Queue the kept attestation of a post, or of all posts, for the chain; returns how many.

    What people decided otherwise since is left out: the chain would be told what does not count.
    """
    conn.execute(
        "delete from outbox o using kept_attestations k join analyses a on a.id = k.analysis_id"
        " where o.request_id = k.request_id and o.status = 'refused' and o.error_code = %(ended)s"
        " and (%(post)s::bytea is null or a.post_id = %(post)s) and o.report ->> 'config_version'"
        " <> k.report ->> 'config_version'",
        {"post": post_id, "ended": POLICY_ENDED},
    )
    return conn.execute(
        "with due as (delete from kept_attestations k using analyses a where a.id = k.analysis_id"
        " and (%(post)s::bytea is null or a.post_id = %(post)s) and not exists (select from"
        " verdict_changes c where c.post_id = a.post_id) returning k.analysis_id, k.request_id,"
        " k.report, k.kept_at) insert into outbox (analysis_id, kind, request_id, report) select"
        " analysis_id, 'attest', request_id, report from due order by kept_at, request_id on"
        " conflict do nothing",
        {"post": post_id},
    ).rowcount


def count(conn: Connection) -> int:
    """How many are kept."""
    row = conn.execute("select count(*) from kept_attestations").fetchone()
    return int(row[0]) if row else 0
