"""Freezes on chain follow those in the database: their calls are written with the decision, and
compared afterwards.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from oracle.chain.contracts import payments as contracts
from oracle.chain.contracts.payments import ContractCall, FreezeStatus
from oracle.chain.core.lifecycle import backoff
from oracle.chain.rpc.client import ChainClient
from oracle.notices.actors import RULES
from storage import operator_alerts
from storage.chain import calls
from storage.database import Connection, Database
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud import chain_actions as fraud_chain_actions
from storage.fraud.alerts import Alert
from storage.fraud.chain_actions import DONE, REFUSED, ChainAction
from storage.works import creators

log = structlog.get_logger()

RETRY = timedelta(seconds=5)
MAX_RETRY = timedelta(minutes=10)
# Nothing to hold there any more.
SKIPPED = frozenset({"FreezeNotOpen", "InvalidEndDate"})
# The contract takes no more holds of this subject this year that nobody has reviewed.
SPENT = "FreezeBudgetSpent"
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


def chain_alert_id(alert: Alert, account: bytes | None = None) -> bytes:
    """32 bytes that name one freeze of this round of an alert on chain, where each name freezes
    once.

    Args: account: another one (20 bytes) of the creator than the one that is paid today.
    """
    return hashlib.sha256(
        alert.id.bytes + alert.round.to_bytes(4, "big") + (account or b"")
    ).digest()


def queue(
    conn: Connection, alert: Alert, kind: str, document_hash: bytes, until: datetime | None
) -> None:
    """Want what the contract has to learn, in the transaction that decides it: of a creator for
    each account that is theirs by now, since money may lie in all of them.

    Each step waits for the one before. A release gives up what was not made yet: money that is
    free again need not be frozen first.

    Args:
        kind: freeze, uphold or release.
        document_hash: Of the notice that the creator was sent.
    """
    if kind == "freeze":
        for name, call in _freezes(conn, alert, document_hash, until):
            _queue_one(conn, alert, kind, name, call, document_hash, until)
        return
    upheld = kind == "uphold"
    until_s = _unix(until) if upheld else 0
    for name in fraud_chain_actions.names_of_round(conn, alert.id, alert.round):
        if not upheld:
            for action in fraud_chain_actions.of_freeze(conn, name):
                calls.cancel(
                    conn, action.call_id, "superseded", "The hold ended before the call was made."
                )
        call = contracts.resolve_freeze(
            name, upheld=upheld, reason_hash=document_hash, until=until_s
        )
        _queue_one(conn, alert, kind, name, call, document_hash, until)


def _queue_one(
    conn: Connection,
    alert: Alert,
    kind: str,
    name: bytes,
    call: ContractCall,
    document_hash: bytes,
    until: datetime | None,
) -> None:
    # The last step that can still reach the chain, of an earlier round, too: one that was given up
    # before it was sent waits for nothing, and what it waited for may be on its way.
    alive = [
        step
        for step in fraud_chain_actions.of_alert(conn, alert.id)
        if step.call_status != "cancelled"
    ]
    last = (alive or fraud_chain_actions.of_freeze(conn, name))[-1:]
    call_id = calls.add(
        conn,
        f"fraud {name.hex()} {kind} {document_hash.hex()}",
        sender="fraud_officer" if kind == "freeze" else "arbiter",
        contract=call.contract,
        call_data=call.data,
        after_id=last[0].call_id if last else None,
    )
    fraud_chain_actions.add(
        conn,
        alert_id=alert.id,
        round_=alert.round,
        kind=kind,
        chain_alert_id=name,
        until=until,
        call_id=call_id,
    )


def queue_release(conn: Connection, alert: Alert, document_hash: bytes) -> None:
    """Want a freeze released, if the contract was to freeze anything."""
    if fraud_chain_actions.names_of_round(conn, alert.id, alert.round):
        queue(conn, alert, "release", document_hash, None)


def follow(db: Database, now: datetime) -> int:
    """Decide what becomes of calls that the contract refused: given up, or made again later.

    Where the contract takes no more unreviewed holds of a subject, the operator hears of it at
    once: the ledger's hold stands alone then, and a person has to review it.

    Returns: how many were given up. Raises: DatabaseUnavailable.
    """
    given_up = 0
    with db.transaction() as conn:
        for action in fraud_chain_actions.list_refused(conn):
            if action.error_code in SKIPPED | DONE | REFUSED:
                calls.close(conn, action.call_id)
                given_up += 1
                if action.error_code == SPENT:
                    _ask_for_review(conn, action, now)
            else:
                delay = backoff(action.tries, first=RETRY, longest=MAX_RETRY)
                calls.queue(conn, action.call_id, action.call_data, delay=delay)
            log.warning(
                "fraud.call_refused",
                action=action.kind,
                alert_id=str(action.alert_id),
                code=action.error_code,
            )
    return given_up


def _ask_for_review(conn: Connection, action: ChainAction, now: datetime) -> None:
    text = (
        "The contract takes no more holds of this subject this year that nobody reviewed. What it"
        " holds there can be withdrawn; the hold here waits for a reviewer: dismiss it, or uphold"
        " it."
    )
    operator_alerts.report(conn, "freeze_not_on_chain", f"alert {action.alert_id}", text, now)
    audit_log.append(
        conn,
        at=now,
        actor=RULES,
        step="chain_refused",
        reason_code="freeze_budget_spent",
        text=text,
        alert_id=action.alert_id,
    )
    fraud_alerts.update(conn, action.alert_id, review_by=now)


def reconcile(db: Database, client: ChainClient, *, since: datetime) -> list[Difference]:
    """Compare database and chain for alerts that changed since then, and queue again what the chain
    lost.

    Returns: what differs. An alert whose calls are still on their way is left out. Raises:
        ChainError.
    """
    with db.transaction() as conn:
        recent = fraud_chain_actions.of_recent_alerts(conn, since)
    by_alert: dict[bytes, list[ChainAction]] = {}
    for action in recent:
        by_alert.setdefault(bytes(action.chain_alert_id), []).append(action)
    differences = []
    for name, actions in by_alert.items():
        if any(action.status == "pending" for action in actions):
            continue
        with db.transaction() as conn:
            alert = fraud_alerts.get(conn, actions[0].alert_id)
        if actions[0].round != alert.round or any(
            action.status in ("skipped", "refused") and action.error_code != "superseded"
            for action in actions
        ):
            continue  # an earlier round, or a freeze that the chain has no place for
        found = contracts.freeze_status(client, name)
        if found in EXPECTED[alert.status]:
            continue
        repaired = _repair(db, actions, found)
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


def _repair(db: Database, actions: list[ChainAction], found: FreezeStatus) -> bool:
    """Make the calls again that the chain shows no trace of; False where repeating them cannot
    help.
    """
    if found in (FreezeStatus.RELEASED, FreezeStatus.EXPIRED):
        return False
    lost = [action for action in actions if found is FreezeStatus.NONE or action.kind != "freeze"]
    with db.transaction() as conn:
        for action in lost:
            calls.repeat(conn, action.call_id)
    return bool(lost)


def _freezes(
    conn: Connection, alert: Alert, document_hash: bytes, until: datetime | None
) -> list[tuple[bytes, ContractCall]]:
    """The freezes that hold the subject of an alert, by their names on chain."""
    if alert.subject == "post":
        assert alert.post_id is not None
        name = chain_alert_id(alert)
        post_id = bytes(alert.post_id)
        return [(name, contracts.freeze_post(post_id, name, document_hash, _unix(until)))]
    paid, *others = [row.account for row in creators.accounts_of(conn, alert.creator_id)]
    name = chain_alert_id(alert)
    freezes = [(name, contracts.freeze_account(paid, name, document_hash, _unix(until)))]
    for account in others:
        name = chain_alert_id(alert, account)
        # The contract takes each statement once: of the notice, as it concerns this account.
        said = hashlib.sha256(document_hash + account).digest()
        freezes.append((name, contracts.freeze_account(account, name, said, _unix(until))))
    return freezes


def _unix(moment: datetime | None) -> int:
    return int(moment.astimezone(UTC).timestamp()) if moment else 0
