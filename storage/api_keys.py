"""API keys: who may do what. Only the hash of a key is kept."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NameTaken, NotFound

PREFIX = "cok_"
# Callers without a key of the database, and what is automatic: no key may look like them.
RESERVED = frozenset({"rules", "operator", "anonymous", "stranger"})


@dataclass(frozen=True)
class ApiKey:
    """A key as it is stored.

    `creator` is the handle of the one creator it acts for, None for any.
    """

    id: int
    name: str
    scopes: tuple[str, ...]
    creator_id: int | None
    creator: str | None
    per_minute: int


def issue(
    conn: Connection,
    name: str,
    scopes: Collection[str],
    *,
    creator_id: int | None = None,
    per_minute: int = 600,
) -> str:
    """Make a key. Returns: its secret, which is shown once and never again. Raises: NameTaken."""
    if name.strip().lower() in RESERVED:
        raise NameTaken(f"The name {name!r} is the oracle's own; choose another name.")
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        conn.execute(
            "insert into api_keys (name, secret_hash, scopes, creator_id, per_minute) values (%s,"
            " %s, %s, %s, %s)",
            (name, _hash(secret), sorted(scopes), creator_id, per_minute),
        )
    except psycopg.errors.UniqueViolation as exc:
        raise NameTaken(
            f"There is a key named {name!r} already; revoke it or choose another name."
        ) from exc
    return secret


def find(conn: Connection, secret: str) -> ApiKey | None:
    """The key of that secret, None for an unknown or revoked one."""
    found = _select(conn, "k.secret_hash = %s and k.revoked_at is null", (_hash(secret),))
    return found[0] if found else None


def list_active(conn: Connection) -> list[ApiKey]:
    """All keys that work, by name."""
    return _select(conn, "k.revoked_at is null", ())


def revoke(conn: Connection, name: str) -> None:
    """End a key at once. Raises: NotFound."""
    # The name is freed, so that a successor may carry it.
    cursor = conn.execute(
        "update api_keys set revoked_at = now(), name = left(name, 40) || ' revoked ' || id"
        " where name = %s and revoked_at is null",
        (name,),
    )
    if cursor.rowcount == 0:
        raise NotFound(f"There is no key named {name!r}.")


def _hash(secret: str) -> bytes:
    # A random secret of 256 bits needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[ApiKey]:
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        cursor.execute(
            "select k.id, k.name, k.scopes, k.creator_id, c.handle as creator, k.per_minute from"
            f" api_keys k left join creators c on c.id = k.creator_id where {where} order by"
            " k.name",
            params,
        )
        return cursor.fetchall()
