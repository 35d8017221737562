"""Appeals that creators file at the contract itself: they count here as well."""

from datetime import datetime

import structlog

from oracle.chain.contracts import payments as contracts
from oracle.chain.contracts.payments import FreezeStatus
from oracle.chain.rpc.client import ChainClient
from oracle.errors import OracleError
from oracle.fraud import alert_appeals
from oracle.notices.actors import creator_actor
from storage.database import Database
from storage.fraud import alerts as fraud_alerts
from storage.fraud import chain_actions

log = structlog.get_logger()


def take_over(db: Database, client: ChainClient, now: datetime) -> int:
    """File here what was appealed on chain, where only the hash of the statement is known.

    Returns: how many appeals are new. Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        waiting = [
            (alert, name)
            for alert in fraud_alerts.frozen_rounds(conn)
            for name in chain_actions.names_of_round(conn, alert.id, alert.round)
        ]
    filed = 0
    for alert, name in waiting:
        if contracts.freeze_status(client, name) is not FreezeStatus.APPEALED:
            continue
        contract, where = contracts.GUARD
        freeze = client.read_struct(contract, getattr(client.deployment, where), "freezeOf", name)
        statement = (
            "Appealed at the contract; the hash of the statement is"
            f" 0x{bytes(freeze['appealHash']).hex()}."
        )
        try:
            with db.transaction() as conn:
                alert_appeals.appeal_alert(
                    conn,
                    alert.id,
                    creator_id=alert.creator_id,
                    actor=creator_actor(alert.creator),
                    ground="other",
                    statement=statement,
                    now=now,
                )
            filed += 1
        except OracleError as exc:  # decided or appealed here meanwhile
            log.info("fraud.chain_appeal_left", alert_id=str(alert.id), code=exc.code)
    return filed
