"""How a creator wants to be written to: language, time zone, e-mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a creator chose; None where nothing was chosen.

    Attributes:
        language: ISO 639-1.
        time_zone: a name of the IANA data base.
        email: where notices are sent as well, once it is confirmed.
    """

    language: str | None = None
    time_zone: str | None = None
    email: str | None = None


def get(conn: Connection, creator_id: int) -> Preferences:
    """Return what a creator chose."""
    with conn.cursor(row_factory=class_row(Preferences)) as cursor:
        found = cursor.execute(
            "select language, time_zone, email from creator_preferences where creator_id = %s",
            (creator_id,),
        ).fetchone()
    return found or Preferences()


_PUT = """
insert into creator_preferences as p (creator_id, language, time_zone, email)
values (%(id)s, %(language)s, %(time_zone)s, %(email)s)
on conflict (creator_id) do update set language = excluded.language,
    time_zone = excluded.time_zone, email = excluded.email,
    email_confirmed_at = case when p.email = excluded.email then p.email_confirmed_at end,
    email_code = case when p.email = excluded.email then p.email_code end
"""


def put(conn: Connection, creator_id: int, chosen: Preferences) -> None:
    """Store what a creator chose, in the place of what was chosen before. Another address is to be
    confirmed anew.
    """
    conn.execute(_PUT, {"id": creator_id, **vars(chosen)})


def is_confirmed(conn: Connection, creator_id: int) -> bool:
    """Whether somebody who reads the creator's mail said that the address is theirs."""
    row = conn.execute(
        "select email_confirmed_at is not null from creator_preferences where creator_id = %s",
        (creator_id,),
    ).fetchone()
    return row is not None and row[0]


@dataclass(frozen=True, kw_only=True)
class Unconfirmed:
    """A creator whose address is to be confirmed."""

    creator_id: int
    name: str
    email: str


_UNASKED = """
p.email is not null and p.email_confirmed_at is null and p.email_code is null
and coalesce(p.email_asked_at < now() - %(every)s, true)
"""


def unasked(conn: Connection, every: timedelta, limit: int) -> list[Unconfirmed]:
    """Addresses that are to be asked; each creator's once in that time, however often it changes.
    Who waits longest comes first.
    """
    with conn.cursor(row_factory=class_row(Unconfirmed)) as cursor:
        return cursor.execute(
            "select p.creator_id, c.handle as name, p.email from creator_preferences p"
            f" join creators c on c.id = p.creator_id where {_UNASKED}"
            " order by p.email_asked_at nulls first, p.creator_id limit %(limit)s",
            {"every": every, "limit": limit},
        ).fetchall()


def ask(conn: Connection, one: Unconfirmed, code_hash: bytes, every: timedelta) -> bool:
    """Take it upon oneself to ask, with this code. Returns: False where another does already, or
    the address changed.
    """
    done = conn.execute(
        "update creator_preferences p set email_code = %(code)s, email_asked_at = now()"
        f" where p.creator_id = %(id)s and p.email = %(email)s and {_UNASKED}",
        {"code": code_hash, "every": every, "id": one.creator_id, "email": one.email},
    )
    return done.rowcount == 1


def ask_later(conn: Connection, code_hash: bytes) -> None:
    """Note that the mail did not go out; it is tried again when its time is over."""
    conn.execute(
        "update creator_preferences set email_code = null where email_code = %s", (code_hash,)
    )


def confirm(conn: Connection, code_hash: bytes, now: datetime) -> str | None:
    """Confirm the address that was sent this code. Returns: the address; None for no such code."""
    row = conn.execute(
        "update creator_preferences set email_confirmed_at = coalesce(email_confirmed_at, %s)"
        " where email_code = %s and email is not null returning email",
        (now, code_hash),
    ).fetchone()
    return row[0] if row else None
