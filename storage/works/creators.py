"""Creators: who posts, under which spellings, and which accounts are paid.

A creator may have several rows: spellings that were told apart once, and wallets that vouched for a
name. The first is the creator; the others name it as `same_as` and keep the account they had.
"""

from dataclasses import dataclass

from psycopg import sql

from storage.database import Connection
from storage.errors import NotFound
from storage.names import canonical, skeletons

ACTIVE_ALERT = "status in ('open', 'frozen', 'notified', 'appealed', 'upheld')"
REGISTRATION_LOCK = 0x0_4A3E  # look-alikes that register together would not see each other


@dataclass(frozen=True)
class Creator:
    """A creator of works. `account` is the 20-byte address that is paid."""

    id: int
    handle: str
    account: bytes
    has_wallet: bool


@dataclass(frozen=True)
class Account:
    """An account (20 bytes) of a creator.

    Attributes:
        handle: The spelling that it was made for.
        name: The text that an escrow account is derived from, None for a wallet.
    """

    account: bytes
    handle: str
    name: str | None


def ensure_creator(
    conn: Connection,
    handle: str,
    account: bytes,
    has_wallet: bool,
    *,
    account_name: str | None = None,
) -> Creator:
    """Return the creator of that name in any spelling, made if absent.

    The account of an existing creator is not changed.
    """
    known = find_creator(conn, handle)
    if known is None:
        conn.execute(
            "insert into creators (handle, name_key, skeletons, account, has_wallet, account_name)"
            " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            (handle, canonical(handle), skeletons(handle), account, has_wallet, account_name),
        )
        known = find_creator(conn, handle)
    if known is None:
        raise NotFound(f"The account of {handle} is already held by another handle.")
    return get_creator(conn, known)


def get_creator(conn: Connection, creator_id: int) -> Creator:
    """Return a creator. Raises: NotFound."""
    row = conn.execute(
        "select id, handle, account, has_wallet from creators where id = %s", (creator_id,)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no creator {creator_id}.")
    return Creator(row[0], row[1], bytes(row[2]), row[3])


def find_creator(conn: Connection, name: str) -> int | None:
    """Return the number of a creator by any spelling of the name, None for one who never posted."""
    row = conn.execute(
        "select coalesce(same_as, id) from creators where name_key = %s"
        " order by same_as nulls first limit 1",
        (canonical(name),),
    ).fetchone()
    return int(row[0]) if row else None


def find_creator_of(conn: Connection, account: bytes) -> int | None:
    """Return the number of the creator of an account (20 bytes), None for one who never posted."""
    row = conn.execute(
        "select coalesce(same_as, id) from creators where account = %s", (account,)
    ).fetchone()
    return int(row[0]) if row else None


def find_resembling(conn: Connection, name: str) -> dict[int, str]:
    """Return the creators whose names are read as this one, the first one first, and their handles.

    Until the transaction ends no other name is registered that is looked up here.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (REGISTRATION_LOCK,))
    return dict(
        conn.execute(
            "select coalesce(same_as, id), handle from creators"
            " where skeletons && %s and name_key <> %s order by id",
            (skeletons(name), canonical(name)),
        ).fetchall()
    )


def accounts_of(conn: Connection, creator_id: int) -> list[Account]:
    """Return all accounts of a creator, the one that is paid today first."""
    rows = conn.execute(
        "select account, handle, account_name from creators where id = %(id)s or same_as = %(id)s"
        " order by same_as nulls first, id",
        {"id": creator_id},
    ).fetchall()
    return [Account(bytes(row[0]), row[1], row[2]) for row in rows]


def acts_alone(conn: Connection, creator_id: int) -> bool:
    """Return whether a creator has a key in use of their own, or a wallet."""
    row = conn.execute(
        "select exists (select from api_keys where creator_id = %(id)s and revoked_at is null)"
        " or exists (select from creators where %(id)s in (id, same_as) and has_wallet)",
        {"id": creator_id},
    ).fetchone()
    return bool(row and row[0])


def merge(conn: Connection, creator_id: int, other_id: int) -> None:
    """Make two creators one, under the first. The other keeps its account and what was booked.

    Works, posts, keys, cases and events of the other are the first's from now on. The ledger only
    grows: its lines stay with the row they were booked to, and are read for both. What one of them
    was found to have copied from the other waits for `take_merged`.
    """
    who = {"id": creator_id, "other": other_id}
    for statement in _GIVE_WAY:
        conn.execute(statement, who)
    tables = conn.execute(_REFERENCES).fetchall()
    for table, column in tables:
        conn.execute(
            sql.SQL("update {table} set {column} = %(id)s where {column} = %(other)s").format(
                table=sql.Identifier(table), column=sql.Identifier(column)
            ),
            who,
        )
    for statement in _COPIES:
        conn.execute(statement, who)
    _link(conn, creator_id, other_id)
    conn.execute("update creators set merged = true where id = %s", (creator_id,))


def take_merged(conn: Connection) -> list[int]:
    """Return the creators who became one with another one since this was last called."""
    rows = conn.execute("update creators set merged = false where merged returning id").fetchall()
    return [row[0] for row in rows]


def own_wallet(conn: Connection, creator_id: int, wallet: bytes) -> None:
    """Make a wallet (20 bytes) that acts for a creator theirs, with all that it posted.

    A wallet of another named creator stays that one's.
    """
    address = "0x" + wallet.hex()
    holder = find_creator_of(conn, wallet)
    if holder is None:
        _link(conn, creator_id, ensure_creator(conn, address, wallet, True).id)
    elif holder != creator_id and get_creator(conn, holder).handle == address:
        merge(conn, creator_id, holder)


def _link(conn: Connection, creator_id: int, other_id: int) -> None:
    conn.execute(
        "update creators set same_as = %(id)s where id = %(other)s or same_as = %(other)s",
        {"id": creator_id, "other": other_id},
    )


# What cannot belong to one creator twice: the first one's stays.
_GIVE_WAY = (
    "delete from name_vouchers v where creator_id = %(other)s and exists (select from"
    " name_vouchers where creator_id = %(id)s and poster = v.poster)",
    "delete from creator_webhooks where creator_id = %(other)s"
    " and exists (select from creator_webhooks where creator_id = %(id)s)",
    "delete from creator_preferences where creator_id = %(other)s"
    " and exists (select from creator_preferences where creator_id = %(id)s)",
    "delete from dashboard_visits where creator_id = %(other)s"
    " and exists (select from dashboard_visits where creator_id = %(id)s)",
    "delete from reviewer_interests i where creator_id = %(other)s and exists (select from"
    " reviewer_interests where creator_id = %(id)s and actor = i.actor)",
    # Nobody needs a licence of himself.
    "delete from permissions where owner_id in (%(id)s, %(other)s)"
    " and licensee_id in (%(id)s, %(other)s)",
    "delete from permissions p using permissions q where %(other)s in (p.owner_id, p.licensee_id)"
    " and q.owner_id = case p.owner_id when %(other)s then %(id)s else p.owner_id end"
    " and q.licensee_id = case p.licensee_id when %(other)s then %(id)s else p.licensee_id end"
    " and q.work_id is not distinct from p.work_id",
)
# Whatever refers to creators, but for the ledger's bookings, which only grow, and for alerts.
_REFERENCES = """
select c.conrelid::regclass::text, a.attname
from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'f' and c.confrelid = 'creators'::regclass and c.conrelid <> c.confrelid
    and c.conparentid = 0 and c.conrelid not in ('ledger_transactions'::regclass,
        'ledger_postings'::regclass, 'fraud_alerts'::regclass)
order by 1, 2
"""
# Alerts, but for one about the creator while there is another; it ends by itself. And wherever the
# number stands without a reference, for speed.
_COPIES = (
    "update fraud_alerts a set creator_id = %(id)s where creator_id = %(other)s and not ("
    f"subject = 'creator' and {ACTIVE_ALERT} and exists (select from fraud_alerts"
    f" where creator_id = %(id)s and subject = 'creator' and {ACTIVE_ALERT}))",
    "update image_fingerprints set creator_id = %(id)s where creator_id = %(other)s",
    "update embeddings set creator_id = %(id)s where creator_id = %(other)s",
    "update sounds set creator_id = %(id)s where creator_id = %(other)s",
    "update engagement_events set creator_id = %(id)s where creator_id = %(other)s",
    "update engagement_events e set account = k.handle from creators k, creators o"
    " where k.id = %(id)s and o.id = %(other)s and e.account = o.handle",
)
