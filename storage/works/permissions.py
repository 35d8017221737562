"""Licences of one creator to another, or to everybody."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Licence:
    """A licence with the names of both sides.

    It counts for analyses from `granted_at` until `revoked_at`.

    Attributes:
        licensee: None: everybody.
        work_id: None: all works.
        max_share_bps: The most that the work may make of what is posted.
    """

    id: int
    owner: str
    licensee: str | None
    work_id: UUID | None
    title: str | None
    max_share_bps: int
    note: str | None
    granted_at: datetime
    revoked_at: datetime | None


def grant(
    conn: Connection,
    owner_id: int,
    licensee_id: int | None,
    work_id: UUID | None,
    note: str | None,
    max_share_bps: int = 10_000,
) -> int:
    """Record a permission for one work, or for all works of the owner where `work_id` is None; for
    everybody where `licensee_id` is. One of before for the same is replaced.
    """
    row = conn.execute(
        "insert into permissions (owner_id, licensee_id, work_id, note, max_share_bps)"
        " values (%s, %s, %s, %s, %s) on conflict (owner_id, licensee_id, work_id)"
        " do update set note = excluded.note, max_share_bps = excluded.max_share_bps,"
        " granted_at = now(), revoked_at = null returning id",
        (owner_id, licensee_id, work_id, note, max_share_bps),
    ).fetchone()
    assert row is not None
    return int(row[0])


def revoke(conn: Connection, owner_id: int, number: int) -> None:
    """End a licence of this owner: later analyses know it no more. Raises: NotFound."""
    ended = conn.execute(
        "update permissions set revoked_at = now() where id = %s and owner_id = %s and revoked_at"
        " is null",
        (number, owner_id),
    )
    if ended.rowcount == 0:
        raise NotFound(f"You have granted no licence {number} that is in force.")


def list_of(conn: Connection, creator_id: int, limit: int) -> list[Licence]:
    """Return what a creator granted and was granted, the latest first."""
    where = "where %s in (p.owner_id, p.licensee_id) order by p.granted_at desc, p.id desc limit %s"
    return _select(conn, where, (creator_id, limit))


def get(conn: Connection, number: int) -> Licence:
    """Return a licence. Raises: NotFound."""
    found = _select(conn, "where p.id = %s", (number,))
    if not found:
        raise NotFound(f"There is no licence {number}.")
    return found[0]


def _select(conn: Connection, where: str, values: tuple[object, ...]) -> list[Licence]:
    with conn.cursor(row_factory=class_row(Licence)) as cursor:
        return cursor.execute(
            "select p.id, o.handle as owner, l.handle as licensee, p.work_id,"
            " coalesce(w.title, w.file_name) as title, p.max_share_bps, p.note, p.granted_at,"
            " p.revoked_at from permissions p join creators o on o.id = p.owner_id"
            " left join creators l on l.id = p.licensee_id left join works w on w.id = p.work_id"
            f" {where}",
            values,
        ).fetchall()


def licensed_shares(conn: Connection, licensee_id: int | None, ids: list[UUID]) -> dict[UUID, int]:
    """Those of the works that a permission lets this creator use, with the share in basis points
    that each may make of a post at most. Somebody unnamed has what everybody has.
    """
    rows = conn.execute(
        "select w.id, max(p.max_share_bps) from works w join permissions p"
        " on p.owner_id = w.creator_id and (p.work_id is null or p.work_id = w.id)"
        " where (p.licensee_id is null or p.licensee_id = %s) and w.id = any(%s)"
        " and p.revoked_at is null group by w.id",
        (licensee_id, ids),
    ).fetchall()
    return dict(rows)


def open_to_everybody(conn: Connection, owner_id: int, limit: int) -> list[Licence]:
    """What a creator lets everybody use, the latest first."""
    where = (
        "where p.owner_id = %s and p.licensee_id is null and p.revoked_at is null"
        " order by p.granted_at desc, p.id desc limit %s"
    )
    return _select(conn, where, (owner_id, limit))
