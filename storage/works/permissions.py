"""Licences between two creators."""

from uuid import UUID

from storage.database import Connection


def grant(
    conn: Connection, owner_id: int, licensee_id: int, work_id: UUID | None, note: str | None
) -> int:
    """Record a permission for one work, or for all works of the owner where `work_id` is None."""
    row = conn.execute(
        "insert into permissions (owner_id, licensee_id, work_id, note) values (%s, %s, %s, %s) on"
        " conflict (owner_id, licensee_id, work_id) do update set note = excluded.note returning"
        " id",
        (owner_id, licensee_id, work_id, note),
    ).fetchone()
    assert row is not None
    return int(row[0])


def licensed_works(conn: Connection, licensee_id: int | None, ids: list[UUID]) -> set[UUID]:
    """Those of the works that a permission lets this creator use."""
    rows = conn.execute(
        "select w.id from works w join permissions p on p.owner_id = w.creator_id"
        " and (p.work_id is null or p.work_id = w.id) where p.licensee_id = %s and w.id = any(%s)",
        (licensee_id, ids),
    ).fetchall()
    return {row[0] for row in rows}
