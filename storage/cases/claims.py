"""Claims that a post copies an earlier work: what the judge says of each, and how they ended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class ClaimCheck:
    """What the judge says about the two works; None until it has compared them."""

    appeal_id: UUID
    similarity_bps: int | None
    verified: bool | None
    match: Mapping[str, Any] | None
    error: str | None
    checked_at: datetime | None


def add_check(conn: Connection, appeal_id: UUID) -> None:
    """Note that the works of a claim are to be compared."""
    conn.execute("insert into claim_checks (appeal_id) values (%s)", (appeal_id,))


def find_check(conn: Connection, appeal_id: UUID) -> ClaimCheck | None:
    """What the judge says of a claim, None where there is no such claim."""
    with conn.cursor(row_factory=class_row(ClaimCheck)) as cursor:
        return cursor.execute(
            "select appeal_id, similarity_bps, verified, match, error, checked_at from"
            " claim_checks where appeal_id = %s",
            (appeal_id,),
        ).fetchone()


def begin_check(conn: Connection, appeal_id: UUID) -> int:
    """Count a run as failed until it proves otherwise. Returns: how many had failed before."""
    row = conn.execute(
        "update claim_checks set failures = failures + 1 where appeal_id = %s returning failures"
        " - 1",
        (appeal_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def forgive_check(conn: Connection, appeal_id: UUID) -> None:
    """Take back one counted failure: what it needs is away for everybody."""
    conn.execute(
        "update claim_checks set failures = greatest(0, failures - 1) where appeal_id = %s",
        (appeal_id,),
    )


def record_check(
    conn: Connection,
    appeal_id: UUID,
    *,
    similarity_bps: int,
    verified: bool,
    match: Mapping[str, Any] | None,
    error: str | None,
) -> None:
    """Store what the judge says, once."""
    conn.execute(
        "update claim_checks set similarity_bps = %s, verified = %s, match = %s, error = %s,"
        " checked_at = now() where appeal_id = %s and checked_at is null",
        (similarity_bps, verified, json.dumps(dict(match)) if match else None, error, appeal_id),
    )


def mark_bad_faith(conn: Connection, appeal_id: UUID) -> None:
    """Note that a person found a claim to be made against better knowledge."""
    conn.execute("update appeals set bad_faith = true where id = %s", (appeal_id,))


def count_open(conn: Connection, creator_id: int) -> int:
    """How many claims of a creator are undecided."""
    return _count(conn, "creator_id = %s and kind = 'claim' and status = 'open'", (creator_id,))


def count_bad_faith(conn: Connection, creator_id: int, since: datetime) -> int:
    """How many claims of a creator were found to be made in bad faith since then."""
    return _count(conn, "creator_id = %s and bad_faith and decided_at >= %s", (creator_id, since))


def _count(conn: Connection, where: str, params: tuple[object, ...]) -> int:
    row = conn.execute(f"select count(*) from appeals where {where}", params).fetchone()
    assert row is not None
    return int(row[0])
