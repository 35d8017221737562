"""Freezes on chain follow those in the database: queued with the decision, sent by a worker,
compared afterwards.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from oracle.chain.contracts import payments
from oracle.chain.contracts.payments import FreezeStatus
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.errors import ChainError
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient
from storage.database import Connection, Database
from storage.fraud import alerts as fraud_alerts
from storage.fraud import chain_actions as fraud_chain_actions
from storage.fraud.alerts import Alert
from storage.fraud.chain_actions import ChainAction

log = structlog.get_logger()

RETRY = timedelta(seconds=5)
MAX_RETRY = timedelta(minutes=10)
# Nothing to hold there any more.
SKIPPED = frozenset({"FreezeNotOpen", "InvalidEndDate"})
# It is there already: we sent it and did not live to see it.
DONE = frozenset({"AlertUsed"})
REFUSED = frozenset({"AccuserCannotDecide", "AlreadyFrozen", "StatementUsed", "MissingStatement"})
EXPECTED = {
    "notified": {FreezeStatus.FROZEN, FreezeStatus.APPEALED},
    "appealed": {FreezeStatus.FROZEN, FreezeStatus.APPEALED, FreezeStatus.UPHELD},
    "upheld": {FreezeStatus.UPHELD},
    "reversed": {FreezeStatus.RELEASED, FreezeStatus.EXPIRED, FreezeStatus.NONE},
    "expired": {FreezeStatus.RELEASED, FreezeStatus.EXPIRED, FreezeStatus.NONE},
    "open": {FreezeStatus.NONE},
}


@dataclass(frozen=True)
class Difference:
    """An alert of which chain and database say different things."""

    alert_id: str
    status: str
    on_chain: str
    repaired: bool
    detail: str


def chain_alert_id(alert: Alert) -> bytes:
    """32 bytes that name this round of an alert on chain, where each name freezes once."""
    return hashlib.sha256(alert.id.bytes + alert.round.to_bytes(4, "big")).digest()


def queue(
    conn: Connection, alert: Alert, kind: str, document_hash: bytes, until: datetime | None
) -> None:
    """Queue what the contract has to learn, in the transaction that decides it.

    Args:
        kind: freeze, uphold or release.
        document_hash: Of the notice that the creator was sent.
    """
    if kind == "release":
        fraud_chain_actions.supersede(conn, chain_alert_id(alert))
    subject_id = alert.post_id if alert.post_id is not None else bytes(alert.account)
    fraud_chain_actions.add(
        conn,
        alert_id=alert.id,
        round_=alert.round,
        kind=kind,
        chain_alert_id=chain_alert_id(alert),
        subject=alert.subject,
        subject_id=bytes(subject_id),
        document_hash=document_hash,
        until=until,
    )


def send_pending(db: Database, client: ChainClient, *, officer: Signer, arbiter: Signer) -> int:
    """Make the calls that wait. Returns: how many are settled now. Raises: DatabaseUnavailable.

    Safe to run again after a crash at any point: what is on chain already is found there and not
    sent twice. One sender at a time, since two would take the same nonce.

    Args:
        officer: Holds the contract's role to freeze. arbiter: holds the one to decide; another
            account.
    """
    with db.transaction() as conn:
        waiting = fraud_chain_actions.ready(conn)
    settled = 0
    for action in waiting:
        try:
            sent = _send(client, action, officer, arbiter)
            outcome: tuple[str, str | None, str | None] = ("done", None, None)
            if not sent:
                outcome = ("skipped", "over", "The end date had come before the call was made.")
        except ContractReverted as exc:
            name = exc.revert.name or "unknown"
            if name not in SKIPPED | DONE | REFUSED:
                _postpone(db, action, name, str(exc))
                continue
            status = "done" if name in DONE else "skipped" if name in SKIPPED else "refused"
            outcome = (status, name, str(exc))
        except ChainError as exc:
            _postpone(db, action, exc.code, str(exc))
            continue
        with db.transaction() as conn:
            fraud_chain_actions.settle(conn, action.id, *outcome)
        log.info(
            "fraud.chain",
            action=action.kind,
            alert_id=str(action.alert_id),
            status=outcome[0],
            code=outcome[1],
        )
        settled += 1
    return settled


def reconcile(db: Database, client: ChainClient, *, since: datetime) -> list[Difference]:
    """Compare database and chain for alerts that changed since then, and queue again what the chain
    lost.

    Returns: what differs. An alert whose calls are still on their way is left out. Raises:
        ChainError.
    """
    with db.transaction() as conn:
        actions = fraud_chain_actions.of_recent_alerts(conn, since)
    by_alert: dict[bytes, list[ChainAction]] = {}
    for action in actions:
        by_alert.setdefault(action.chain_alert_id, []).append(action)
    differences = []
    for name, calls in by_alert.items():
        if any(call.status == "pending" for call in calls):
            continue
        with db.transaction() as conn:
            alert = fraud_alerts.get(conn, calls[0].alert_id)
        if chain_alert_id(alert) != name or any(
            call.status in ("skipped", "refused") for call in calls
        ):
            continue  # an earlier round, or a freeze that the chain has no place for
        found = payments.freeze_status(client, name)
        if found in EXPECTED[alert.status]:
            continue
        repaired = _repair(db, calls, found)
        detail = (
            "queued again"
            if repaired
            else "needs a person: the chain does not follow this step any more"
        )
        differences.append(
            Difference(str(alert.id), alert.status, found.name.lower(), repaired, detail)
        )
        log.warning(
            "fraud.chain_differs", alert_id=str(alert.id), status=alert.status, on_chain=found.name
        )
    return differences


def _repair(db: Database, calls: list[ChainAction], found: FreezeStatus) -> bool:
    """Queue again the calls that the chain shows no trace of; False where repeating them cannot
    help.
    """
    if found in (FreezeStatus.RELEASED, FreezeStatus.EXPIRED):
        return False
    lost = [call for call in calls if found is FreezeStatus.NONE or call.kind != "freeze"]
    with db.transaction() as conn:
        for call in lost:
            fraud_chain_actions.repeat(conn, call.id)
    return bool(lost)


def _send(client: ChainClient, action: ChainAction, officer: Signer, arbiter: Signer) -> bool:
    """Make one call, unless the chain is there already. Returns: False if it is too late for it."""
    now = payments.freeze_status(client, action.chain_alert_id)
    if action.kind == "freeze":
        if now is not FreezeStatus.NONE:
            return True
        assert action.until is not None
        until = int(action.until.astimezone(UTC).timestamp())
        if until <= client.head().timestamp:
            return False
        call = payments.freeze_post if action.subject == "post" else payments.freeze_account
        call(client, officer, action.subject_id, action.chain_alert_id, action.document_hash, until)
        return True
    if now in (FreezeStatus.NONE, FreezeStatus.RELEASED, FreezeStatus.EXPIRED):
        return True  # nothing is held there
    upheld = action.kind == "uphold"
    until = int(action.until.astimezone(UTC).timestamp()) if action.until else 0
    payments.resolve_freeze(
        client,
        arbiter,
        action.chain_alert_id,
        upheld=upheld,
        reason_hash=action.document_hash,
        until=until,
    )
    return True


def _postpone(db: Database, action: ChainAction, code: str, detail: str) -> None:
    delay = min(RETRY * 2 ** min(action.tries, 10), MAX_RETRY)
    log.warning("fraud.chain_later", action=action.kind, alert_id=str(action.alert_id), code=code)
    with db.transaction() as conn:
        fraud_chain_actions.postpone(conn, action.id, code, detail, delay)
