"""Creators' withdrawals from the contract: its events in final blocks, beside the ledger.

They are no postings: the contract also holds tips and other money that was never booked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """A withdrawal of all of an account's money in one token.

    Accounts 20 bytes; `amount` in smallest units.
    """

    tx_hash: bytes
    log_index: int
    block_number: int
    block_time: datetime
    account: bytes
    recipient: bytes
    token: bytes
    amount: int


def read_up_to(conn: Connection) -> int | None:
    """Return the last block whose withdrawals are known, None before the first was read."""
    row = conn.execute("select up_to_block from chain_withdrawals_read").fetchone()
    return int(row[0]) if row else None


# Store a withdrawal; an event that was read before stays as it is.
_INSERT = """
insert into chain_withdrawals (tx_hash, log_index, block_number, block_time, account, recipient,
    token, amount)
values (%(tx_hash)s, %(log_index)s, %(block_number)s, %(block_time)s, %(account)s, %(recipient)s,
    %(token)s, %(amount)s)
on conflict do nothing
"""


def store(conn: Connection, withdrawals: Sequence[Withdrawal], up_to_block: int) -> int:
    """Store the withdrawals up to a final block, each once. Returns: how many are new."""
    with conn.cursor() as cursor:
        cursor.executemany(_INSERT, [vars(withdrawal) for withdrawal in withdrawals])
        new = max(0, cursor.rowcount) if withdrawals else 0
    conn.execute(
        "insert into chain_withdrawals_read (up_to_block) values (%s)"
        " on conflict (one_row) do update set up_to_block = excluded.up_to_block",
        (up_to_block,),
    )
    return new


def forget(conn: Connection, above_block: int) -> None:
    """Delete what was read above a block: an operator resumed after a reorg of final blocks."""
    conn.execute("delete from chain_withdrawals where block_number > %s", (above_block,))
    conn.execute(
        "update chain_withdrawals_read set up_to_block = least(up_to_block, %s)", (above_block,)
    )


def of_creator(conn: Connection, creator_id: int, limit: int) -> list[Withdrawal]:
    """Return the withdrawals of a creator's account, the newest first."""
    with conn.cursor(row_factory=class_row(Withdrawal)) as cursor:
        return cursor.execute(
            "select tx_hash, log_index, block_number, block_time, w.account, recipient, token,"
            " amount from chain_withdrawals w join creators c on c.account = w.account where"
            " c.id = any(rows_of_creator(%s)) order by block_number desc, log_index desc limit %s",
            (creator_id, limit),
        ).fetchall()


def withdrawn(conn: Connection, creator_id: int, token: bytes) -> int:
    """Return the sum withdrawn from a creator's account in one token, in its smallest units."""
    row = conn.execute(
        "select coalesce(sum(amount), 0) from chain_withdrawals w join creators c on c.account ="
        " w.account where c.id = any(rows_of_creator(%s)) and token = %s",
        (creator_id, token),
    ).fetchone()
    assert row is not None
    return int(row[0])
