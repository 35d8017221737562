"""Platforms that vouch for a creator's name."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """A platform that vouches for a name, by its name space or its key."""

    poster: str
    vouched_at: datetime


def of_creator(conn: Connection, creator_id: int) -> list[Voucher]:
    """Return who vouches for a creator's name, the first one first."""
    with conn.cursor(row_factory=class_row(Voucher)) as cursor:
        return cursor.execute(
            "select poster, vouched_at from name_vouchers where creator_id = %s"
            " order by vouched_at, poster",
            (creator_id,),
        ).fetchall()


def add(conn: Connection, creator_id: int, poster: str) -> None:
    """Note a voucher, once."""
    conn.execute(
        "insert into name_vouchers (creator_id, poster) values (%s, %s) on conflict do nothing",
        (creator_id, poster),
    )


def posted_by_others(conn: Connection, creator_id: int, poster: str) -> bool:
    """Return whether anybody but this poster has posted in a creator's name."""
    row = conn.execute(
        "select exists (select from works where creator_id = %s and posted_by is distinct from %s)",
        (creator_id, poster),
    ).fetchone()
    return bool(row and row[0])


def posted_by_it(conn: Connection, creator_id: int, poster: str) -> bool:
    """Return whether this poster has posted in a creator's name."""
    row = conn.execute(
        "select exists (select from works where creator_id = %s and posted_by = %s)",
        (creator_id, poster),
    ).fetchone()
    return bool(row and row[0])
