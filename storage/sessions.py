"""Sessions of browsers, and the links by which a platform signs its creators in.

Only the hashes of their secrets are stored. Both end with the key that they came from.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from storage.api_keys import hash_secret
from storage.database import Connection

PREFIX = "cos_"
LINK_PREFIX = "col_"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Whom a session belongs to.

    Attributes:
        name: the actor: a key, or a creator whom a platform signed in.
        key_id: the key that it came from; None for the operator's.
        by_link: whether a platform signed the creator in.
        operator: hash of the operator's token that it came from, or None.
    """

    name: str
    scopes: tuple[str, ...]
    creator_id: int | None
    creator: str | None
    key_id: int | None
    namespace: bytes | None
    by_link: bool
    per_minute: int | None
    operator: bytes | None
    language: str | None
    time_zone: str | None


@dataclass(frozen=True, kw_only=True)
class SignInLink:
    """Whom a link signs in, and by which key."""

    creator_id: int
    key_id: int
    key_name: str
    namespace: bytes | None


def start(
    conn: Connection,
    now: datetime,
    lasts: timedelta,
    *,
    key_id: int | None = None,
    creator_id: int | None = None,
    operator: bytes | None = None,
) -> str:
    """Start a session of a key, of a creator by a platform's key, or of the operator.

    Args:
        creator_id: The creator whom a platform's key signs in; None for the key's own holder.
        operator: Hash of the operator's token, without a key.
    Returns: its secret, which is never shown again.
    """
    conn.execute("delete from sessions where expires_at < %s", (now,))
    secret = PREFIX + secrets.token_urlsafe(32)
    conn.execute(
        "insert into sessions (secret_hash, key_id, creator_id, operator_hash, expires_at)"
        " values (%s, %s, %s, %s, %s)",
        (hash_secret(secret), key_id, creator_id, operator, now + lasts),
    )
    return secret


# A creator whom a platform signed in reads and posts, and does nothing else of the platform's key.
_FIND = """
select
    case when s.creator_id is null then coalesce(k.name, 'operator')
        else k.name || ' for ' || c.handle end as name,
    case when s.operator_hash is not null then array['admin']
        when s.creator_id is not null then array['read', 'upload'] else k.scopes end as scopes,
    coalesce(s.creator_id, k.creator_id) as creator_id, c.handle as creator, s.key_id,
    case when s.creator_id is null then k.namespace end as namespace,
    s.creator_id is not null as by_link, k.per_minute, s.operator_hash as operator,
    p.language, p.time_zone
from sessions s
left join api_keys k on k.id = s.key_id
left join creators c on c.id = coalesce(s.creator_id, k.creator_id)
left join creator_preferences p on p.creator_id = c.id
where s.secret_hash = %s and s.expires_at > %s and k.revoked_at is null
"""


def find(conn: Connection, secret: str, now: datetime) -> Session | None:
    """Return a session that is open, None for any other."""
    with conn.cursor(row_factory=class_row(Session)) as cursor:
        return cursor.execute(_FIND, (hash_secret(secret), now)).fetchone()


def end(conn: Connection, secret: str) -> None:
    """End a session at once."""
    conn.execute("delete from sessions where secret_hash = %s", (hash_secret(secret),))


def make_link(conn: Connection, key_id: int, creator_id: int, until: datetime) -> str:
    """Make a link's secret, good once and until then."""
    secret = LINK_PREFIX + secrets.token_urlsafe(32)
    conn.execute(
        "insert into sign_in_links (secret_hash, key_id, creator_id, expires_at)"
        " values (%s, %s, %s, %s)",
        (hash_secret(secret), key_id, creator_id, until),
    )
    return secret


def use_link(conn: Connection, secret: str, now: datetime) -> SignInLink | None:
    """Use up a link; None for one that is unknown, used, too old, or of a revoked key."""
    conn.execute("delete from sign_in_links where expires_at < %s", (now,))
    with conn.cursor(row_factory=class_row(SignInLink)) as cursor:
        return cursor.execute(
            "delete from sign_in_links l using api_keys k where l.secret_hash = %s and k.id ="
            " l.key_id and k.revoked_at is null returning l.creator_id, l.key_id,"
            " k.name as key_name, k.namespace",
            (hash_secret(secret),),
        ).fetchone()
