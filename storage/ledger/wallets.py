"""Wallets of creators: challenges to sign, links to escrow accounts, and transactions they send."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound, StorageError


class LinkExists(StorageError):
    """This account is linked, or about to be; nothing was changed."""

    code = "link_exists"


class TransactionKnown(StorageError):
    """That transaction is followed already."""

    code = "transaction_known"


@dataclass(frozen=True, kw_only=True)
class WalletLink:
    """A wallet that is to act for a creator's escrow account; addresses 20 bytes."""

    id: UUID
    creator_id: int
    name: str  # that the account follows from
    account: bytes
    wallet: bytes
    proof: str
    note: str
    asked_by: str
    asked_at: datetime
    status: str
    ready_at: datetime | None
    call_id: int | None
    error: str | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class WalletTransaction:
    """A transaction that a creator signs; what became of it."""

    id: UUID
    creator_id: int | None
    kind: str
    wallet: bytes | None
    chain_id: int
    to_address: bytes
    call_data: bytes
    value_wei: int
    prepared_by: str
    prepared_at: datetime
    tx_hash: bytes | None
    status: str
    block_number: int | None
    statement: str | None = None
    operation_id: str | None = None
    awaits: str | None = None
    since_block: int


_LINK = (
    "l.id, l.creator_id, l.name, l.account, l.wallet, l.proof, l.note, l.asked_by, l.asked_at,"
    " l.status, l.ready_at, l.call_id, l.error, l.updated_at"
)
_TRANSACTION = (
    "id, creator_id, kind, wallet, chain_id, to_address, call_data, value_wei, prepared_by,"
    " prepared_at, tx_hash, status, block_number, statement, operation_id, awaits, since_block"
)


def add_challenge(
    conn: Connection,
    nonce: str,
    *,
    creator_id: int,
    wallet: bytes,
    message: str,
    expires_at: datetime,
) -> None:
    """Store what a wallet is asked to sign."""
    conn.execute(
        "insert into wallet_challenges (nonce, creator_id, wallet, message, expires_at) values"
        " (%s, %s, %s, %s, %s)",
        (nonce, creator_id, wallet, message, expires_at),
    )


def get_challenge(conn: Connection, nonce: str, creator_id: int, now: datetime) -> str:
    """The message of a challenge that can be used.

    Raises: NotFound where this creator was asked nothing by it, or its time is over.
    """
    row = conn.execute(
        "select message from wallet_challenges where nonce = %s and creator_id = %s and"
        " used_at is null and expires_at > %s",
        (nonce, creator_id, now),
    ).fetchone()
    if row is None:
        raise NotFound("That challenge is unknown, used or expired; ask for a new one.")
    return str(row[0])


def use_challenge(conn: Connection, nonce: str, creator_id: int, now: datetime) -> None:
    """Use a challenge up. Raises: NotFound as `get_challenge`."""
    used = conn.execute(
        "update wallet_challenges set used_at = %s where nonce = %s and creator_id = %s and"
        " used_at is null and expires_at > %s",
        (now, nonce, creator_id, now),
    )
    if used.rowcount == 0:
        raise NotFound("That challenge is unknown, used or expired; ask for a new one.")


def add_link(
    conn: Connection,
    link_id: UUID,
    *,
    creator_id: int,
    account: bytes,
    name: str,
    wallet: bytes,
    proof: str,
    note: str,
    signature: bytes | None,
    asked_by: str,
    now: datetime,
) -> None:
    """Store a proven claim to an account. Raises: LinkExists."""
    try:
        with conn.transaction():
            conn.execute(
                "insert into wallet_links (id, creator_id, account, name, wallet, proof, note,"
                " signature, asked_by, asked_at, updated_at) values (%s, %s, %s, %s, %s, %s, %s,"
                " %s, %s, %s, %s)",
                (
                    link_id,
                    creator_id,
                    account,
                    name,
                    wallet,
                    proof,
                    note,
                    signature,
                    asked_by,
                    now,
                    now,
                ),
            )
    except psycopg.errors.UniqueViolation as exc:
        raise LinkExists from exc


def links(conn: Connection, statuses: Sequence[str], limit: int = 100) -> list[WalletLink]:
    """Links that stand where named, the oldest first."""
    where = "l.status = any(%s) order by l.asked_at, l.id limit %s"
    return _links(conn, where, (list(statuses), limit))


def links_of(conn: Connection, creator_id: int) -> list[WalletLink]:
    """The links of a creator, the newest first."""
    return _links(conn, "l.creator_id = %s order by l.asked_at desc, l.id", (creator_id,))


def owners_of(conn: Connection, wallet: bytes) -> list[int]:
    """The creators for whose accounts a wallet (20 bytes) acts, or is about to."""
    rows = conn.execute(
        "select distinct creator_id from wallet_links where wallet = %s and status not in"
        " ('vetoed', 'refused') order by 1",
        (wallet,),
    ).fetchall()
    return [int(row[0]) for row in rows]


def creators_behind(conn: Connection, creator_ids: Collection[int]) -> set[int]:
    """Whoever posts as a wallet that acts for these creators, or is about to."""
    rows = conn.execute(
        "select distinct coalesce(c.same_as, c.id) from wallet_links l join creators c on c.account"
        " = l.wallet where l.creator_id = any(%s) and l.status not in ('vetoed', 'refused')",
        (list(creator_ids),),
    ).fetchall()
    return {int(row[0]) for row in rows}


def find_open_link(conn: Connection, account: bytes) -> WalletLink | None:
    """The link of an account that is in force or under way."""
    where = "l.account = %s and l.status not in ('vetoed', 'refused')"
    return next(iter(_links(conn, where, (account,))), None)


def move_link(
    conn: Connection,
    link_id: UUID,
    status: str,
    now: datetime,
    *,
    ready_at: datetime | None = None,
    call_id: int | None = None,
    error: str | None = None,
) -> None:
    """Note where a link stands; what is left out stays, but for the error."""
    conn.execute(
        "update wallet_links set status = %s, ready_at = coalesce(%s, ready_at), call_id ="
        " coalesce(%s, call_id), error = %s, updated_at = %s where id = %s",
        (status, ready_at, call_id, error, now, link_id),
    )


def add_transaction(conn: Connection, prepared: WalletTransaction) -> None:
    """Store a transaction that is to be signed."""
    conn.execute(
        f"insert into wallet_transactions ({_TRANSACTION}, statement_hash, updated_at) values"
        " (%(id)s, %(creator_id)s, %(kind)s, %(wallet)s, %(chain_id)s, %(to_address)s,"
        " %(call_data)s, %(value_wei)s, %(prepared_by)s, %(prepared_at)s, %(tx_hash)s, %(status)s,"
        " %(block_number)s, %(statement)s, %(operation_id)s, %(awaits)s, %(since_block)s,"
        " sha256(convert_to(%(statement)s::text, 'UTF8')), %(prepared_at)s)",
        vars(prepared),
    )


def get_transaction(conn: Connection, transaction_id: UUID) -> WalletTransaction:
    """A transaction by its number. Raises: NotFound."""
    found = _transactions(conn, "id = %s", (transaction_id,))
    if not found:
        raise NotFound(f"There is no transaction {transaction_id}.")
    return found[0]


def transactions_of(conn: Connection, creator_id: int, limit: int = 20) -> list[WalletTransaction]:
    """The transactions written for a creator's wallets, the newest first."""
    return _transactions(
        conn, "creator_id = %s order by prepared_at desc, id limit %s", (creator_id, limit)
    )


def note_sent(conn: Connection, transaction_id: UUID, tx_hash: bytes, now: datetime) -> None:
    """Note by which hash it was sent; another hash replaces one that no block took.

    Raises: TransactionKnown.
    """
    try:
        with conn.transaction():
            conn.execute(
                "update wallet_transactions set tx_hash = %s, status = 'sent', updated_at = %s"
                " where id = %s and status in ('prepared', 'sent', 'other')",
                (tx_hash, now, transaction_id),
            )
    except psycopg.errors.UniqueViolation as exc:
        raise TransactionKnown from exc


def find_statement(conn: Connection, digest: bytes) -> str | None:
    """The words of that SHA-256 (32 bytes) that somebody wrote for a dispute or claim, None if
    they are not known here.
    """
    row = conn.execute(
        "select statement from wallet_transactions where statement_hash = %s limit 1", (digest,)
    ).fetchone()
    return str(row[0]) if row else None


# The event of a final block that says so, after it was written, and that is no other one's.
_DONE = """
select t.id, e.tx_hash from wallet_transactions t join chain_case_events e
    on e.name = t.awaits and e.facts->>'operationId' = t.operation_id
    and e.block_number > t.since_block
where t.operation_id is not null and t.status in ('prepared', 'sent', 'other')
    and t.tx_hash is distinct from e.tx_hash and not exists (
        select from wallet_transactions o where o.tx_hash = e.tx_hash and o.call_data = t.call_data)
order by t.prepared_at, e.block_number, e.log_index limit %s
"""


def done_by_others(conn: Connection, limit: int) -> list[tuple[UUID, bytes]]:
    """Operations that were done, with the hash of the transaction, where nobody said it."""
    rows = conn.execute(_DONE, (limit,)).fetchall()
    return [(row[0], bytes(row[1])) for row in rows]


def sent(conn: Connection, limit: int) -> list[WalletTransaction]:
    """Transactions to follow, the longest unlooked at first."""
    return _transactions(
        conn, "status in ('sent', 'included') order by updated_at, id limit %s", (limit,)
    )


def move_transaction(
    conn: Connection, transaction_id: UUID, status: str, block_number: int | None, now: datetime
) -> None:
    """Note what became of a transaction."""
    conn.execute(
        "update wallet_transactions set status = %s, block_number = %s, updated_at = %s where id ="
        " %s",
        (status, block_number, now, transaction_id),
    )


def _links(conn: Connection, where: str, params: tuple[object, ...]) -> list[WalletLink]:
    with conn.cursor(row_factory=class_row(WalletLink)) as cursor:
        return cursor.execute(
            f"select {_LINK} from wallet_links l where {where}", params
        ).fetchall()


def _transactions(
    conn: Connection, where: str, params: tuple[object, ...]
) -> list[WalletTransaction]:
    with conn.cursor(row_factory=class_row(WalletTransaction)) as cursor:
        found = cursor.execute(
            f"select {_TRANSACTION} from wallet_transactions where {where}", params
        ).fetchall()
    # 256 bits do not fit a bigint; psycopg reads numeric as Decimal.
    return [replace(each, value_wei=int(each.value_wei)) for each in found]
