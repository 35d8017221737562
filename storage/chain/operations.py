"""What was scheduled under the contracts' roles, and who holds them, by events of final blocks."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A call that was announced.

    Attributes:
        id: Of the AccessManager, 0x-hex; the same call announced again has the same.
        ready_at: From when on it can be carried out.
        caller: Who announced it, and alone carries it out; `target`: the contract; 0x-hex.
        ended: executed or cancelled, with `ended_at`; None while it waits, or was let expire.
    """

    id: str
    ready_at: datetime
    caller: str
    target: str
    data: str
    announced_at: datetime
    tx_hash: bytes
    ended: str | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Holder:
    """An account (20 bytes) that holds a role, and for how long its acts can be seen coming."""

    role: int
    account: bytes
    delay_s: int
    since: datetime


_OPERATIONS = """
select s.facts->>'operationId' as id, to_timestamp((s.facts->>'schedule')::bigint) as ready_at,
    s.facts->>'caller' as caller, s.facts->>'target' as target, s.facts->>'data' as data,
    s.block_time as announced_at, s.tx_hash, e.ended, e.ended_at
from chain_case_events s left join lateral (
    select case name when 'OperationExecuted' then 'executed' else 'cancelled' end as ended,
        block_time as ended_at
    from chain_case_events where name in ('OperationExecuted', 'OperationCanceled')
        and facts->>'operationId' = s.facts->>'operationId' and facts->>'nonce' = s.facts->>'nonce'
    limit 1
) e on true
where s.name = 'OperationScheduled'
"""


def list_all(conn: Connection, limit: int = 100) -> list[Operation]:
    """The announced calls, the newest first."""
    with conn.cursor(row_factory=class_row(Operation)) as cursor:
        return cursor.execute(
            _OPERATIONS + "order by s.block_number desc, s.log_index desc limit %s", (limit,)
        ).fetchall()


def find(conn: Connection, operation_id: str) -> Operation | None:
    """The call that was announced last under an id, None if none was."""
    with conn.cursor(row_factory=class_row(Operation)) as cursor:
        return cursor.execute(
            _OPERATIONS + "and s.facts->>'operationId' = %s order by s.block_number desc,"
            " s.log_index desc limit 1",
            (operation_id.lower(),),
        ).fetchone()


def last_epoch_of(conn: Connection, signer: bytes) -> int | None:
    """The last set of signers, by its number, that a signer (20 bytes) was in; None if in none."""
    row = conn.execute(
        "select max((facts->>'epoch')::bigint) from chain_case_events where name ="
        " 'SignersChanged' and lower(facts->>'signers')::jsonb ? %s",
        ("0x" + signer.hex(),),
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else None


def holders(conn: Connection) -> list[Holder]:
    """Who holds which role, by role and since when."""
    with conn.cursor(row_factory=class_row(Holder)) as cursor:
        return cursor.execute(
            "select (facts->>'roleId')::numeric::bigint as role, account,"
            " coalesce((facts->>'delay')::int, 0) as delay_s, block_time as since from ("
            " select distinct on (facts->>'roleId', account) * from chain_case_events"
            " where name in ('RoleGranted', 'RoleRevoked')"
            " order by facts->>'roleId', account, block_number desc, log_index desc) last"
            " where name = 'RoleGranted' order by 1, since, account"
        ).fetchall()
