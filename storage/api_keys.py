"""API keys: what a client may do. Only the hash of a key is stored."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NameTaken, NotFound
from storage.names import canonical

PREFIX = "cok_"
# Names of callers without a stored key, and of automatic actors: no key may take one.
RESERVED = frozenset({"rules", "operator", "anonymous", "stranger"})


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A stored key.

    Attributes:
        creator: handle of the one creator it acts for, None for any.
        namespace: where its holder's posts on chain have their names: a platform's id (32 bytes) or
            a contract (20 bytes), None without any.
    """

    id: int
    name: str
    scopes: tuple[str, ...]
    creator_id: int | None
    creator: str | None
    namespace: bytes | None
    per_minute: int
    language: str | None
    time_zone: str | None


@dataclass(frozen=True)
class HeldKey:
    """A key, in use or revoked, and the person who holds it."""

    name: str
    person: str
    creator_id: int | None


def issue(
    conn: Connection,
    name: str,
    scopes: Collection[str],
    *,
    person: str | None = None,
    creator_id: int | None = None,
    namespace: bytes | None = None,
    per_minute: int = 600,
    works_a_day: int | None = None,
    bytes_a_day: int | None = None,
    media_s_a_day: int | None = None,
) -> str:
    """Create a key. Returns: its secret, which is never shown again. Raises: NameTaken.

    Args: person: who holds it, in any spelling, where it is one of several keys; None: the name.
    """
    if name.strip().lower() in RESERVED:
        raise NameTaken(f"The name {name!r} is the oracle's own; choose another name.")
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        conn.execute(
            "insert into api_keys (name, person, secret_hash, scopes, creator_id, namespace,"
            " per_minute, works_a_day, bytes_a_day, media_s_a_day) values (%s, %s, %s, %s, %s, %s,"
            " %s, %s, %s, %s)",
            (
                name,
                canonical(person or name) or name,
                hash_secret(secret),
                sorted(scopes),
                creator_id,
                namespace,
                per_minute,
                works_a_day,
                bytes_a_day,
                media_s_a_day,
            ),
        )
    except psycopg.errors.UniqueViolation as exc:
        raise NameTaken(
            f"There is a key named {name!r} already; revoke it or choose another name."
        ) from exc
    return secret


def find(conn: Connection, secret: str) -> ApiKey | None:
    """Return the key of a secret, None if it is unknown or revoked."""
    keys = _select(conn, "k.secret_hash = %s and k.revoked_at is null", (hash_secret(secret),))
    return keys[0] if keys else None


def find_named(conn: Connection, name: str) -> ApiKey | None:
    """Return the key of a holder, None if there is none in use."""
    keys = _select(conn, "k.name = %s and k.revoked_at is null", (name,))
    return keys[0] if keys else None


def held_by(
    conn: Connection, persons: Collection[str], creator_ids: Collection[int]
) -> list[HeldKey]:
    """Return all keys of these persons (canonical names; a key's own name counts too), and those
    that act for these creators; revoked ones too.
    """
    with conn.cursor(row_factory=class_row(HeldKey)) as cursor:
        return cursor.execute(
            "select name, person, creator_id from api_keys where person = any(%(persons)s) or"
            " lower(name) = any(%(persons)s) or creator_id = any(%(creators)s) order by name",
            {"persons": list(persons), "creators": list(creator_ids)},
        ).fetchall()


def list_active(conn: Connection) -> list[ApiKey]:
    """Return all keys that are not revoked, by name."""
    return _select(conn, "k.revoked_at is null", ())


def revoke(conn: Connection, name: str) -> None:
    """Revoke a key at once. Raises: NotFound."""
    # The key is renamed, so that a new key can take its name.
    cursor = conn.execute(
        "update api_keys set revoked_at = now(), name = left(name, 40) || ' revoked ' || id"
        " where name = %s and revoked_at is null",
        (name,),
    )
    if cursor.rowcount == 0:
        raise NotFound(f"There is no key named {name!r}.")


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a secret (32 bytes)."""
    # A random secret of 256 bits needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[ApiKey]:
    with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        cursor.execute(
            "select k.id, k.name, k.scopes, k.creator_id, c.handle as creator, k.namespace,"
            " k.per_minute, p.language, p.time_zone from"
            " api_keys k left join creators c on c.id = k.creator_id left join creator_preferences"
            f" p on p.creator_id = k.creator_id where {where} order by k.name",
            params,
        )
        return cursor.fetchall()
