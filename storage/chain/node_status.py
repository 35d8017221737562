"""What the chain node last knew, in one row, for readiness checks. The latch outlives restarts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from storage.database import Connection


@dataclass(frozen=True)
class NodeStatus:
    """The node's state; what it has not learned yet is None. Block times are the chain's."""

    sender: bytes | None
    head_number: int | None
    head_time: datetime | None
    finalized_number: int | None
    finalized_hash: bytes | None
    cursor_number: int | None
    balance_wei: int | None
    last_reorg_depth: int
    last_poll_at: datetime | None
    error_code: str | None
    error_detail: str | None
    latched_at: datetime | None
    latch_reason: str | None
    resync: bool
    endpoints: Sequence[Mapping[str, Any]]
    latch_code: str | None = None
    nonce_known: int | None = None

    @property
    def latched(self) -> bool:
        """Whether the node stands still until an operator clears the latch."""
        return self.latched_at is not None

    @property
    def known_final(self) -> tuple[int, bytes] | None:
        """Height and hash of the block that was final at the last round."""
        if self.finalized_number is None or self.finalized_hash is None:
            return None
        return self.finalized_number, self.finalized_hash


def get(conn: Connection) -> NodeStatus:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select sender, head_number, head_time, finalized_number, finalized_hash,"
            " cursor_number, balance_wei, last_reorg_depth, last_poll_at, error_code,"
            " error_detail, latched_at, latch_reason, resync, endpoints, latch_code, nonce_known"
            " from node_status"
        ).fetchone()
    assert row is not None  # the migration inserts it
    # 256 bits do not fit a bigint; psycopg reads numeric as Decimal.
    balance_wei = None if row["balance_wei"] is None else int(row["balance_wei"])
    return NodeStatus(**row | {"balance_wei": balance_wei})


def polled(
    conn: Connection,
    *,
    sender: bytes,
    head_number: int,
    head_time: datetime,
    finalized_number: int,
    finalized_hash: bytes,
    cursor_number: int | None,
    balance_wei: int,
    endpoints: Sequence[Mapping[str, Any]],
) -> None:
    """Note a whole round that went well."""
    conn.execute(
        "update node_status set sender = %s, head_number = %s, head_time = %s, finalized_number ="
        " %s, finalized_hash = %s, cursor_number = %s, balance_wei = %s, endpoints = %s,"
        " last_poll_at = now(), error_code = null, error_detail = null",
        (
            sender,
            head_number,
            head_time,
            finalized_number,
            finalized_hash,
            cursor_number,
            balance_wei,
            json.dumps(list(endpoints)),
        ),
    )


def failed(
    conn: Connection, code: str, detail: str, endpoints: Sequence[Mapping[str, Any]]
) -> None:
    """Note why the last round did not end well; `last_poll_at` keeps saying when one last did."""
    conn.execute(
        "update node_status set error_code = %s, error_detail = %s, endpoints = %s",
        (code, detail, json.dumps(list(endpoints))),
    )


def reorged(conn: Connection, depth: int) -> None:
    """Note how many blocks the last reorg took."""
    conn.execute("update node_status set last_reorg_depth = %s", (depth,))


def instance(conn: Connection) -> tuple[UUID, datetime]:
    """The name of this database among the nodes of one key, and since when it has it."""
    row = conn.execute(
        "update node_status set instance = coalesce(instance, gen_random_uuid()), instance_since ="
        " coalesce(instance_since, now()) returning instance, instance_since"
    ).fetchone()
    assert row is not None  # the migration inserts it
    return row[0], row[1]


def set_nonce_known(conn: Connection, nonce: int) -> None:
    """Note that it is known who spent every nonce below this one."""
    conn.execute("update node_status set nonce_known = %s", (nonce,))


def latch(conn: Connection, reason: str, code: str = "finality_latched") -> None:
    """Stop the node until an operator clears it; the first reason stays."""
    conn.execute(
        "update node_status set latched_at = now(), latch_code = %s, latch_reason = %s where"
        " latched_at is null",
        (code, reason),
    )


def clear_latch(conn: Connection) -> bool:
    """Let the node go on, by resynchronising with the chain as it is now.

    False if it was not latched.
    """
    return bool(
        conn.execute(
            "update node_status set latched_at = null, latch_code = null, latch_reason = null,"
            " resync = true, finalized_number = null, finalized_hash = null, nonce_known = null"
            " where latched_at is not null"
        ).rowcount
    )


def resynced(conn: Connection) -> None:
    """Note that the node has found the last block it shares with the chain."""
    conn.execute("update node_status set resync = false")
