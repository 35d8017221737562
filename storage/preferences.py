"""How a creator wants to be written to: language, time zone, e-mail."""

from dataclasses import dataclass

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a creator chose; None where nothing was chosen.

    Attributes:
        language: ISO 639-1.
        time_zone: a name of the IANA data base.
        email: where notices are sent as well.
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


def put(conn: Connection, creator_id: int, chosen: Preferences) -> None:
    """Store what a creator chose, in the place of what was chosen before."""
    conn.execute(
        "insert into creator_preferences (creator_id, language, time_zone, email) values"
        " (%(id)s, %(language)s, %(time_zone)s, %(email)s) on conflict (creator_id) do update set"
        " language = excluded.language, time_zone = excluded.time_zone, email = excluded.email",
        {"id": creator_id, **vars(chosen)},
    )
