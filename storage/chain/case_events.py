"""What people did to posts and accounts on chain, read from events in final blocks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection

READER = "cases"
LINK_EVENTS = ("LinkProposed", "LinkVetoed", "AccountLinked")


@dataclass(frozen=True, kw_only=True)
class CaseEvent:
    """One event; `facts` are its arguments by name, bytes as 0x-hex."""

    tx_hash: bytes
    log_index: int
    block_number: int
    block_time: datetime
    name: str
    post_id: bytes | None
    account: bytes | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class WaitingMoney:
    """Money of a post that waits in the contract; `kind` is contested or frozen."""

    post_id: bytes
    token: bytes
    kind: str
    call_id: int | None


COLUMNS = "tx_hash, log_index, block_number, block_time, name, post_id, account, facts"


def read_up_to(conn: Connection) -> int | None:
    """The last block whose events are known, None before the first was read."""
    row = conn.execute("select up_to_block from chain_reads where name = %s", (READER,)).fetchone()
    return int(row[0]) if row else None


def store(
    conn: Connection,
    events: Sequence[CaseEvent],
    waiting: Sequence[tuple[bytes, bytes, str]],
    up_to_block: int,
) -> int:
    """Store the events up to a final block, each once, and which money waits.

    Returns: how many events are new.
    """
    new = 0
    for event in events:
        new += conn.execute(
            f"insert into chain_case_events ({COLUMNS}) values (%(tx_hash)s, %(log_index)s,"
            " %(block_number)s, %(block_time)s, %(name)s, %(post_id)s, %(account)s, %(facts)s) on"
            " conflict do nothing",
            vars(event) | {"facts": json.dumps(dict(event.facts))},
        ).rowcount
    for post_id, token, kind in waiting:
        conn.execute(
            "insert into chain_waiting_money (post_id, token, kind) values (%s, %s, %s) on"
            " conflict do nothing",
            (post_id, token, kind),
        )
    conn.execute(
        "insert into chain_reads (name, up_to_block) values (%s, %s) on conflict (name) do update"
        " set up_to_block = excluded.up_to_block",
        (READER, up_to_block),
    )
    return new


def list_new(conn: Connection, now: datetime, limit: int) -> list[CaseEvent]:
    """Events about posts that nothing was concluded from yet, in the order of the chain.

    Left out are those of a post that was postponed, also what has happened to it since.
    """
    where = (
        "handled_at is null and post_id is not null and not exists (select from chain_case_events w"
        " where w.post_id = chain_case_events.post_id and w.handled_at is null and w.next_try_at >"
        " %s) order by block_number, log_index limit %s"
    )
    return _select(conn, where, (now, limit))


def postpone(conn: Connection, *, post_id: bytes, until: datetime) -> None:
    """Look at what happened to a post later."""
    conn.execute(
        "update chain_case_events set next_try_at = %s where post_id = %s and handled_at is null",
        (until, post_id),
    )


def list_new_of_accounts(conn: Connection, limit: int) -> list[CaseEvent]:
    """Events about links of accounts that nothing was concluded from yet, in the order of the
    chain.
    """
    where = (
        "name = any(%s) and handled_at is null and post_id is null"
        " order by block_number, log_index limit %s"
    )
    return _select(conn, where, (list(LINK_EVENTS), limit))


def mark_handled(conn: Connection, events: Sequence[CaseEvent], now: datetime) -> None:
    """Note that everything was concluded from these."""
    for event in events:
        conn.execute(
            "update chain_case_events set handled_at = %s where tx_hash = %s and log_index = %s",
            (now, event.tx_hash, event.log_index),
        )


_KNOWN = """
select exists (
    select from chain_transactions t join chain_reads r on r.up_to_block >= t.block_number
    where t.id = %(transaction)s and r.name = %(reader)s
) and not exists (
    select from chain_case_events where post_id = %(post)s and handled_at is null
)
"""


def is_known(conn: Connection, post_id: bytes, transaction_id: int) -> bool:
    """Whether everything was concluded about a post from the blocks up to a transaction's."""
    params = {"transaction": transaction_id, "reader": READER, "post": post_id}
    row = conn.execute(_KNOWN, params).fetchone()
    return bool(row and row[0])


def of_post(conn: Connection, post_id: bytes) -> list[CaseEvent]:
    """What happened to a post, in order."""
    return _select(conn, "post_id = %s order by block_number, log_index", (post_id,))


# What was begun on chain and has not ended there, with the argument that names it in both events;
# the last time where it began anew. Whoever begins many things must not keep others from their
# turn: what was looked at comes after everything else.
_UNFINISHED = """
with page as (
    select b.tx_hash, b.log_index from chain_case_events b
    where b.name = %(begun)s and {where} and not exists (
        select from chain_case_events e
        where e.name = any(%(ended)s) and e.facts->>%(key)s = b.facts->>%(key)s
    ) and not exists (
        select from chain_case_events l
        where l.name = %(begun)s and l.facts->>%(key)s = b.facts->>%(key)s
        and (l.block_number, l.log_index) > (b.block_number, b.log_index)
    )
    order by b.{seen} nulls first, b.block_number, b.log_index limit %(limit)s
)
update chain_case_events c set {seen} = statement_timestamp() from page
where c.tx_hash = page.tx_hash and c.log_index = page.log_index returning {columns}
"""


def unfinished(
    conn: Connection, begun: str, ended: Sequence[str], key: str, limit: int
) -> list[CaseEvent]:
    """What one event began and none of the others has ended, each in its turn.

    Args:
        key: The argument that both name it by.
    """
    return _take_turn(conn, begun, ended, key, limit, where="true", seen="checked_at")


def to_file(
    conn: Connection, begun: str, ended: Sequence[str], key: str, limit: int
) -> list[CaseEvent]:
    """What has not ended and is no case here, each in its turn; ours are tied to theirs by then."""
    where = "b.filed_at is null and b.handled_at is not null"
    return _take_turn(conn, begun, ended, key, limit, where=where, seen="offered_at")


def mark_filed(conn: Connection, event: CaseEvent, now: datetime) -> None:
    """Note that people here know of it."""
    conn.execute(
        "update chain_case_events set filed_at = %s where tx_hash = %s and log_index = %s",
        (now, event.tx_hash, event.log_index),
    )


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a side said at the contract, where only its hash is; `text` is None where the words are
    not known here.
    """

    event: str
    at: datetime
    by: str  # the wallet, 0x-hex
    hash: str
    text: str | None


_SAID = """
select e.name as event, e.block_time as at, coalesce(facts->>'by', facts->>'claimant') as by,
    h.hash, w.statement as text
from chain_case_events e
cross join lateral (select coalesce(facts->>'evidenceHash', facts->>'statementHash') as hash) h
left join lateral (select statement from wallet_transactions
    where statement_hash = decode(substr(h.hash, 3), 'hex') limit 1) w on true
where e.post_id = %(post)s and case when %(original)s::text is null
    then e.name in ('DisputeOpened', 'DisputeAnswered')
    else e.name = 'CopyClaimed' and facts->>'originalPostId' = %(original)s end
order by e.block_number, e.log_index
"""


def said_of(conn: Connection, post_id: bytes, original_post_id: bytes | None = None) -> list[Said]:
    """What the sides said at the contract in disputes about a post, in order; with the other post
    (32 bytes) in the claims that it copies that one.
    """
    original = "0x" + original_post_id.hex() if original_post_id else None
    with conn.cursor(row_factory=class_row(Said)) as cursor:
        return cursor.execute(_SAID, {"post": post_id, "original": original}).fetchall()


def waiting_money(conn: Connection, limit: int) -> list[WaitingMoney]:
    """Money that waits in the contract, or did when it was last looked at, each in its turn."""
    rows = conn.execute(
        "with page as (select post_id, token, kind from chain_waiting_money order by checked_at"
        " nulls first, post_id limit %s) update chain_waiting_money m set checked_at ="
        " statement_timestamp() from page where (m.post_id, m.token, m.kind) = (page.post_id,"
        " page.token, page.kind) returning m.post_id, m.token, m.kind, m.call_id",
        (limit,),
    ).fetchall()
    return [WaitingMoney(bytes(row[0]), bytes(row[1]), row[2], row[3]) for row in rows]


def is_waiting(conn: Connection, post_id: bytes) -> bool:
    """Whether money of a post waits in the contract, as far as it is known."""
    row = conn.execute(
        "select exists (select from chain_waiting_money where post_id = %s)", (post_id,)
    ).fetchone()
    return bool(row and row[0])


def note_call(conn: Connection, money: WaitingMoney, call_id: int) -> None:
    """Note the call that frees it."""
    conn.execute(
        "update chain_waiting_money set call_id = %s where post_id = %s and token = %s and kind ="
        " %s",
        (call_id, money.post_id, money.token, money.kind),
    )


def forget_money(conn: Connection, money: WaitingMoney) -> None:
    """Nothing of it waits any more."""
    conn.execute(
        "delete from chain_waiting_money where post_id = %s and token = %s and kind = %s",
        (money.post_id, money.token, money.kind),
    )


def _take_turn(
    conn: Connection,
    begun: str,
    ended: Sequence[str],
    key: str,
    limit: int,
    *,
    where: str,
    seen: str,
) -> list[CaseEvent]:
    columns = ", ".join(f"c.{name}" for name in COLUMNS.split(", "))
    with conn.cursor(row_factory=class_row(CaseEvent)) as cursor:
        page = cursor.execute(
            _UNFINISHED.format(columns=columns, where=where, seen=seen),
            {"begun": begun, "ended": list(ended), "key": key, "limit": limit},
        ).fetchall()
    return sorted(page, key=lambda event: (event.block_number, event.log_index))


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[CaseEvent]:
    with conn.cursor(row_factory=class_row(CaseEvent)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from chain_case_events where {where}", params
        ).fetchall()
