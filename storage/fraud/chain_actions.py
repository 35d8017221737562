"""What the contract has to be told about freezes, each with the call that does it; written with
the decision.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

# By these errors the contract says that it is there already, or that it will never take it. Where
# any other error ended a call there was nothing to hold any more.
DONE = frozenset({"AlertUsed"})
REFUSED = frozenset(
    {
        "AccuserCannotDecide",
        "AlreadyFrozen",
        "StatementUsed",
        "MissingStatement",
        "FreezeBudgetSpent",
    }
)


@dataclass(frozen=True, kw_only=True)
class ChainAction:
    """One step of an alert and its call.

    `chain_alert_id` is 32 bytes and names the freeze on chain.
    """

    id: int
    alert_id: UUID
    round: int
    kind: str  # freeze, uphold or release
    chain_alert_id: bytes
    until: datetime | None
    call_id: int
    call_status: str
    call_data: bytes
    tries: int
    error_code: str | None
    error_detail: str | None

    @property
    def status(self) -> str:
        """pending, done (in a block), skipped (nothing to do on chain) or refused (the contract
        will never take it).
        """
        if self.call_status in ("included", "final"):
            return "done"
        if self.call_status != "cancelled":
            return "pending"
        if self.error_code in DONE or (
            self.kind != "freeze" and self.error_code == "FreezeNotOpen"
        ):
            return "done"
        return "refused" if self.error_code in REFUSED else "skipped"


COLUMNS = (
    "a.id, a.alert_id, a.round, a.kind, a.chain_alert_id, a.until, a.call_id, c.status as"
    " call_status, c.call_data, c.tries, c.error_code, c.error_detail"
)


def add(
    conn: Connection,
    *,
    alert_id: UUID,
    round_: int,
    kind: str,
    chain_alert_id: bytes,
    until: datetime | None,
    call_id: int,
) -> None:
    """Note which call carries a step out; the same one a second time changes nothing."""
    conn.execute(
        "insert into fraud_chain_actions (alert_id, round, kind, chain_alert_id, until, call_id)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (call_id) do nothing",
        (alert_id, round_, kind, chain_alert_id, until, call_id),
    )


def of_freeze(conn: Connection, chain_alert_id: bytes) -> list[ChainAction]:
    """The steps of one freeze on chain, oldest first."""
    return _select(conn, "a.chain_alert_id = %s", (chain_alert_id,))


def names_of_round(conn: Connection, alert_id: UUID, round_: int) -> list[bytes]:
    """The freezes on chain (32 bytes each) of one round of an alert, the first one first."""
    rows = conn.execute(
        "select chain_alert_id from fraud_chain_actions where alert_id = %s and round = %s and kind"
        " = 'freeze' order by id",
        (alert_id, round_),
    ).fetchall()
    return [bytes(row[0]) for row in rows]


def list_refused(conn: Connection) -> list[ChainAction]:
    """Steps whose calls the contract has just refused."""
    return _select(conn, "c.status = 'reverted'", ())


def of_alert(conn: Connection, alert_id: UUID) -> list[ChainAction]:
    """The steps of one alert, oldest first."""
    return _select(conn, "a.alert_id = %s", (alert_id,))


def of_recent_alerts(conn: Connection, since: datetime) -> list[ChainAction]:
    """The steps of alerts that changed since then, oldest first."""
    return _select(
        conn, "a.alert_id in (select id from fraud_alerts where updated_at >= %s)", (since,)
    )


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[ChainAction]:
    with conn.cursor(row_factory=class_row(ChainAction)) as cursor:
        return cursor.execute(
            f"select {COLUMNS} from fraud_chain_actions a join chain_calls c on c.id = a.call_id"
            f" where {where} order by a.id",
            params,
        ).fetchall()
