"""The node's transactions: one row a nonce, and each signed version of it, stored before it is
sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from storage.database import Connection
from storage.errors import StorageError


class NonceTaken(StorageError):
    """Another process has signed with this key at the same time; the next round takes the next
    nonce.
    """

    code = "nonce_taken"


@dataclass(frozen=True)
class Attempt:
    """One signed version of a transaction. Fees in wei per unit of gas."""

    tx_hash: bytes
    raw: bytes
    max_fee_wei: int
    tip_wei: int
    cancelling: bool
    signed_at: datetime
    sends: int = 0
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    last_error: str | None = None  # what the endpoint said when it did not take the last sending


@dataclass(frozen=True)
class StoredTransaction:
    """A nonce of the sender and what was signed for it, oldest attempt first, never empty.

    The account and the nonce are taken in the transaction that stores the first attempt.
    """

    id: int
    nonce: int
    status: str  # open, included, final, reverted or void
    to_address: bytes
    call_data: bytes
    gas: int
    mined_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    created_at: datetime
    updated_at: datetime
    attempts: tuple[Attempt, ...]


COLUMNS = (
    "id, nonce, status, to_address, call_data, gas, mined_hash, block_number, block_hash,"
    " created_at, updated_at"
)
OPEN = "status in ('open', 'included')"


def insert(
    conn: Connection,
    *,
    chain_id: int,
    sender: bytes,
    nonce: int,
    to_address: bytes,
    call_data: bytes,
    gas: int,
) -> int:
    """Take a nonce. Returns the row's id. Raises: NonceTaken."""
    try:
        row = conn.execute(
            "insert into chain_transactions (chain_id, sender, nonce, to_address, call_data, gas)"
            " values (%s, %s, %s, %s, %s, %s) returning id",
            (chain_id, sender, nonce, to_address, call_data, gas),
        ).fetchone()
    except psycopg.errors.UniqueViolation as exc:
        raise NonceTaken from exc
    assert row is not None
    return int(row[0])


def add_attempt(
    conn: Connection,
    transaction_id: int,
    *,
    tx_hash: bytes,
    raw: bytes,
    max_fee_wei: int,
    tip_wei: int,
    cancelling: bool = False,
) -> None:
    """Store signed bytes; only what is stored here may be sent."""
    conn.execute(
        "insert into chain_attempts (tx_hash, transaction_id, raw, max_fee_wei, tip_wei,"
        " cancelling) values (%s, %s, %s, %s, %s, %s) on conflict (tx_hash) do nothing",
        (tx_hash, transaction_id, raw, max_fee_wei, tip_wei, cancelling),
    )


def latest_attempt(conn: Connection, transaction_id: int) -> Attempt:
    """The newest attempt of a transaction; every transaction has one."""
    return _load(conn, "id = %s", (transaction_id,))[0].attempts[-1]


def sent(conn: Connection, tx_hash: bytes, refused: str | None = None) -> None:
    """Note that these bytes went out, and with which words the endpoint refused them, if it did."""
    conn.execute(
        "update chain_attempts set sends = sends + 1, first_sent_at = coalesce(first_sent_at,"
        " now()), last_sent_at = now(), last_error = %s where tx_hash = %s",
        (refused, tx_hash),
    )


def in_flight(conn: Connection, chain_id: int, sender: bytes) -> Sequence[StoredTransaction]:
    """Transactions that are not settled, by nonce."""
    return _load(
        conn, f"chain_id = %s and sender = %s and {OPEN} order by nonce", (chain_id, sender)
    )


def settled_in_blocks(
    conn: Connection, chain_id: int, *, limit: int = 100
) -> Sequence[StoredTransaction]:
    """Settled transactions of every account with a block, latest first."""
    return _load(
        conn,
        f"chain_id = %s and not ({OPEN}) and block_number is not null order by block_number desc,"
        " nonce desc limit %s",
        (chain_id, limit),
    )


def nonces_from(conn: Connection, chain_id: int, sender: bytes, first: int) -> set[int]:
    """The nonces at or above `first` that have a row."""
    return {
        row[0]
        for row in conn.execute(
            "select nonce from chain_transactions where chain_id = %s and sender = %s and nonce >="
            " %s",
            (chain_id, sender, first),
        )
    }


def void_from(
    conn: Connection, chain_id: int, sender: bytes, first: int
) -> Sequence[StoredTransaction]:
    """Void transactions with nonces at or above `first`, by nonce."""
    return _load(
        conn,
        "chain_id = %s and sender = %s and nonce >= %s and status = 'void' order by nonce",
        (chain_id, sender, first),
    )


def foreign_nonces(conn: Connection, chain_id: int, sender: bytes, nonces: range) -> Sequence[int]:
    """Those of these spent nonces that no transaction of ours has spent, ascending.

    One that is not settled counts as ours until it is.
    """
    return [
        row[0]
        for row in conn.execute(
            "select nonce from generate_series(%s::bigint, %s - 1) nonce where not exists (select"
            " from chain_transactions t where t.chain_id = %s and t.sender = %s and t.nonce ="
            " nonce.nonce and (t.status <> 'void' or t.mined_hash is not null)) order by nonce",
            (nonces.start, nonces.stop, chain_id, sender),
        )
    ]


def settled_up_to(conn: Connection, chain_id: int, sender: bytes, first: int, end: int) -> int:
    """The lowest nonce from `first` on that has a transaction which is not settled, else `end`."""
    row = conn.execute(
        "select coalesce(min(nonce), %s) from chain_transactions where chain_id = %s and sender ="
        f" %s and nonce >= %s and nonce < %s and {OPEN}",
        (end, chain_id, sender, first, end),
    ).fetchone()
    return int(row[0]) if row else end


@dataclass(frozen=True)
class Traffic:
    """What an account has sent, for metrics.

    Fees are those of the newest attempt, in wei per gas.
    """

    in_flight: int
    next_nonce: int
    attempts: int
    sends: int
    cancelling_count: int
    max_fee_wei: int
    tip_wei: int


def traffic(conn: Connection, sender: bytes | None) -> Traffic:
    """Counts over all transactions of an account; all zero where it is not known yet."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"select count(distinct t.id) filter (where {OPEN}) as in_flight, coalesce(max(nonce)"
            " + 1, 0) as next_nonce, count(*) as attempts, coalesce(sum(sends), 0) as sends,"
            " count(*) filter (where cancelling) as cancelling_count,"
            " coalesce((array_agg(max_fee_wei order by signed_at desc))[1], 0) as max_fee_wei,"
            " coalesce((array_agg(tip_wei order by signed_at desc))[1], 0) as tip_wei from"
            " chain_transactions t join chain_attempts a on a.transaction_id = t.id where t.sender"
            " = %s",
            (sender,),
        ).fetchall()
    return Traffic(**{name: int(value) for name, value in rows[0].items()})


def include(
    conn: Connection,
    transaction_id: int,
    *,
    mined_hash: bytes,
    block_number: int,
    block_hash: bytes,
) -> None:
    """Note the block that holds the transaction, and which attempt it was."""
    conn.execute(
        "update chain_transactions set status = 'included', mined_hash = %s, block_number = %s,"
        " block_hash = %s, updated_at = now() where id = %s",
        (mined_hash, block_number, block_hash, transaction_id),
    )


def reopen(conn: Connection, transaction_id: int) -> None:
    """Note that no block holds the transaction any more."""
    conn.execute(
        "update chain_transactions set status = 'open', mined_hash = null, block_number = null,"
        " block_hash = null, updated_at = now() where id = %s",
        (transaction_id,),
    )


def settle(conn: Connection, transaction_id: int, status: str) -> None:
    """End a transaction: final, reverted, or void."""
    conn.execute(
        "update chain_transactions set status = %s, updated_at = now() where id = %s",
        (status, transaction_id),
    )


def _load(conn: Connection, where: str, params: tuple[object, ...]) -> Sequence[StoredTransaction]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"select {COLUMNS} from chain_transactions where {where}", params
        ).fetchall()
        attempts: dict[int, list[Attempt]] = {row["id"]: [] for row in rows}
        for found in cursor.execute(
            "select transaction_id, tx_hash, raw, max_fee_wei, tip_wei, cancelling, signed_at,"
            " sends, first_sent_at, last_sent_at, last_error from chain_attempts where"
            " transaction_id = any(%s) order by signed_at, max_fee_wei",
            (list(attempts),),
        ).fetchall():
            owner = attempts[found.pop("transaction_id")]
            # numeric(78) is a Decimal
            fees = {name: int(found[name]) for name in ("max_fee_wei", "tip_wei")}
            owner.append(Attempt(**found | fees))
    return [StoredTransaction(**row, attempts=tuple(attempts[row["id"]])) for row in rows]
