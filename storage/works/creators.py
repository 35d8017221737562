"""Creators: who posts, and which account is paid."""

from dataclasses import dataclass

from storage.database import Connection
from storage.errors import NotFound


@dataclass(frozen=True)
class Creator:
    """A creator of works. `account` is the 20-byte address that is paid."""

    id: int
    handle: str
    account: bytes
    has_wallet: bool


def ensure_creator(conn: Connection, handle: str, account: bytes, has_wallet: bool) -> Creator:
    """The creator of that handle, made if absent.

    The account of an existing creator is not changed.
    """
    conn.execute(
        "insert into creators (handle, account, has_wallet) values (%s, %s, %s) on conflict do"
        " nothing",
        (handle, account, has_wallet),
    )
    row = conn.execute(
        "select id, handle, account, has_wallet from creators where handle = %s", (handle,)
    ).fetchone()
    if row is None:
        raise NotFound(f"The account of {handle} is already held by another handle.")
    return Creator(*row)


def find_creator(conn: Connection, handle: str) -> int | None:
    """The number of a creator, None for one who never posted."""
    row = conn.execute("select id from creators where handle = %s", (handle,)).fetchone()
    return int(row[0]) if row else None


def find_creator_of(conn: Connection, account: bytes) -> int | None:
    """The number of the creator who is paid at an account (20 bytes), None for one who never
    posted.
    """
    row = conn.execute("select id from creators where account = %s", (account,)).fetchone()
    return int(row[0]) if row else None


def get_account(conn: Connection, creator_id: int | None) -> bytes | None:
    """The account (20 bytes) of a creator, None where no creator was named."""
    row = conn.execute("select account from creators where id = %s", (creator_id,)).fetchone()
    return bytes(row[0]) if row else None
