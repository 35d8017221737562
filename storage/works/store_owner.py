"""Which database a blob store belongs to: who else removes what its own rows do not name
destroys another's media.
"""

from dataclasses import dataclass

from storage.database import Connection

_IDENTITY = (
    "select o.id, system_identifier, d.oid from blob_owner o, pg_control_system(), pg_database d"
    " where d.datname = current_database()"
)


@dataclass(frozen=True)
class Owner:
    """A database as a blob store knows it.

    Attributes:
        name: given once, and kept in the database; a copy or a restored dump has the same.
        place: the server and the database in it, which a copy or a restored dump elsewhere does not
            share.
    """

    name: str
    place: str

    @classmethod
    def parse(cls, text: str) -> "Owner":
        name, _, place = text.strip().partition(" ")
        return cls(name, place)

    def __str__(self) -> str:
        return f"{self.name} {self.place}"


def identify(conn: Connection) -> Owner:
    """Who this database is; the first call gives it its name."""
    conn.execute("insert into blob_owner default values on conflict do nothing")
    row = conn.execute(_IDENTITY).fetchone()
    assert row is not None
    return Owner(row[0].hex, f"{row[1]}/{row[2]}")
