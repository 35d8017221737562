"""Fraud alerts over HTTP: passes, lists, decisions, thresholds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from oracle.api.access import FraudOfficer, Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.parties import acting_creator, actor_of, check_side, own_creator
from oracle.api.schemas import fraud as schemas
from oracle.api.services import ServicesDep
from oracle.errors import KeyRequired
from oracle.fraud import alert_appeals, alerts
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.dry_run import DryRun, dry_run
from oracle.fraud.passes import run_pass
from storage.cases import messages
from storage.database import Connection
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud import chain_actions as fraud_chain_actions
from storage.fraud import context as fraud_context
from storage.fraud import thresholds as fraud_thresholds
from storage.fraud.alerts import Alert

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["fraud"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/detect_fraud", summary="Look at the last day's events now, and raise alerts")
def detect_fraud(
    services: ServicesDep, caller: FraudOfficer, body: schemas.DetectRequest | None = None
) -> schemas.DetectView:
    request = body or schemas.DetectRequest.model_validate({})
    result = run_pass(
        services.db,
        datetime.now(UTC),
        end=request.end,
        span=timedelta(hours=request.span_hours),
        asked_by=actor_of(caller),
    )
    wanted = None if request.post_id is None else bytes.fromhex(request.post_id[2:])
    findings = [f for f in result.findings if wanted is None or f.post_id == wanted]
    return schemas.DetectView(
        start=result.start,
        end=result.end,
        events=result.events,
        seconds=round(result.seconds, 2),
        thresholds_version=result.thresholds_version,
        findings=[schemas.finding_view(f) for f in findings],
        alerts=list(result.alerts),
    )


@router.get(
    "/fraud_alerts", summary="Alerts, newest first: all for reviewers, one's own for creators"
)
def list_alerts(
    services: ServicesDep,
    caller: Reader,
    status: Annotated[str | None, Query(pattern="^[a-z]+$")] = None,
    creator: str | None = None,
    post_id: Annotated[str | None, Query(pattern=r"^0x[0-9a-fA-F]{64}$")] = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> schemas.AlertPage:
    if caller.creator_id is None and not caller.may("fraud"):
        raise KeyRequired
    with services.db.transaction() as conn:
        bound = caller.creator_id is not None or creator is not None
        alerts_found = fraud_alerts.page(
            conn,
            status=status,
            creator_id=acting_creator(conn, caller, creator) if bound else None,
            post_id=bytes.fromhex(post_id[2:]) if post_id else None,
            before=read_cursor(cursor, UUID),
            limit=limit + 1,
        )
        views = _views(conn, alerts_found[:limit])
    more = len(alerts_found) > limit
    return schemas.AlertPage(
        alerts=views,
        next_cursor=write_cursor(alerts_found[limit - 1].detected_at, alerts_found[limit - 1].id)
        if more
        else None,
    )


@router.get("/fraud_alerts/{alert_id}", summary="One alert with its history")
def get_alert(services: ServicesDep, caller: Reader, alert_id: UUID) -> schemas.AlertDetail:
    with services.db.transaction() as conn:
        alert = fraud_alerts.get(conn, alert_id)
        check_side(caller, alert.creator_id)
        return load_detail(conn, alert)


@router.post(
    "/fraud_alerts/{alert_id}/freeze", summary="Hold the money of an open alert, as a reviewer"
)
def freeze_alert(
    services: ServicesDep, caller: FraudOfficer, alert_id: UUID, body: schemas.FreezeRequest
) -> schemas.AlertDetail:
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        until = now + timedelta(days=body.days)
        alerts.freeze(
            conn,
            alert_id,
            actor=actor_of(caller),
            until=until,
            reason_code=body.reason_code,
            text=body.reason,
            now=now,
        )
        return load_detail(conn, fraud_alerts.get(conn, alert_id))


@router.post(
    "/fraud_alerts/{alert_id}/appeal", status_code=201, summary="Appeal held money, free of charge"
)
def appeal_alert(
    services: ServicesDep, caller: Reader, alert_id: UUID, body: schemas.AppealRequest
) -> schemas.AppealFiled:
    with services.db.transaction() as conn:
        creator_id = own_creator(caller, body.creator)
        number = alert_appeals.appeal_alert(
            conn,
            alert_id,
            creator_id=creator_id,
            actor=actor_of(caller),
            ground=body.ground,
            statement=body.statement,
            now=datetime.now(UTC),
        )
    return schemas.AppealFiled(appeal_id=number, link=f"/v1/appeals/{number}")


@router.post(
    "/fraud_alerts/{alert_id}/resolve",
    summary="Decide an alert, if another reviewer held the money",
)
def resolve_alert(
    services: ServicesDep, caller: FraudOfficer, alert_id: UUID, body: schemas.ResolveRequest
) -> schemas.AlertDetail:
    with services.db.transaction() as conn:
        alert_appeals.resolve_alert(
            conn,
            alert_id,
            upheld=body.decision == "upheld",
            actor=actor_of(caller),
            until=body.until,
            code=body.reason_code,
            text=body.reason,
            now=datetime.now(UTC),
        )
        return load_detail(conn, fraud_alerts.get(conn, alert_id))


@router.post("/fraud_alerts/{alert_id}/reopen", summary="Reopen a closed alert; this holds nothing")
def reopen_alert(
    services: ServicesDep, caller: FraudOfficer, alert_id: UUID, body: schemas.ReopenRequest
) -> schemas.AlertDetail:
    with services.db.transaction() as conn:
        alerts.reopen(
            conn,
            alert_id,
            actor=actor_of(caller),
            reason_code=body.reason_code,
            text=body.reason,
            now=datetime.now(UTC),
        )
        return load_detail(conn, fraud_alerts.get(conn, alert_id))


@router.get("/fraud_thresholds", summary="The detectors' thresholds in force")
def get_thresholds(services: ServicesDep, _: FraudOfficer) -> schemas.ThresholdsView:
    with services.db.transaction() as conn:
        version = fraud_thresholds.current(conn, Thresholds().to_json())
    return schemas.ThresholdsView(**version.__dict__)


@router.put(
    "/fraud_thresholds",
    status_code=201,
    summary="Put new thresholds in force; see the dry run first",
)
def put_thresholds(
    services: ServicesDep, caller: Governor, body: schemas.ThresholdsRequest
) -> schemas.ThresholdsView:
    limits = Thresholds.from_json(body.limits).to_json()
    with services.db.transaction() as conn:
        fraud_thresholds.current(conn, Thresholds().to_json())
        version = fraud_thresholds.add(
            conn, limits, note=body.note, created_by=caller.name, effective_from=body.effective_from
        )
    return schemas.ThresholdsView(**version.__dict__)


@router.post("/fraud_thresholds/dry-run", summary="Try thresholds on the last days")
def try_thresholds(
    services: ServicesDep, _: FraudOfficer, body: schemas.DryRunRequest
) -> schemas.DryRunView:
    proposed = Thresholds.from_json(body.limits)
    with services.db.transaction() as conn:
        current = Thresholds.from_json(
            fraud_thresholds.current(conn, Thresholds().to_json()).limits
        )
    return _dry_run_view(dry_run(services.db, datetime.now(UTC), current, proposed, days=body.days))


@router.get("/fraud_audit/check", summary="Check the hash chain of the audit log")
def check_audit(
    services: ServicesDep,
    _: FraudOfficer,
    seq: Annotated[int | None, Query(ge=1, description="A step whose hash you kept.")] = None,
    hash: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="The hash you kept of it.")
    ] = None,
) -> schemas.AuditCheck:
    """Check the log's hashes. A cut-off end shows only against a hash you kept: note `head`."""
    known_hash = (seq, bytes.fromhex(hash)) if seq is not None and hash is not None else None
    with services.db.transaction() as conn:
        broken_at = audit_log.find_break(conn, known_hash)
        last, digest = audit_log.head(conn)
    return schemas.AuditCheck(
        intact=broken_at is None, broken_at=broken_at, head_seq=last, head=digest.hex()
    )


def load_detail(conn: Connection, alert: Alert) -> schemas.AlertDetail:
    """Return an alert with its history, messages and calls to the contract."""
    chain = [
        {
            "kind": c.kind,
            "status": c.status,
            "until": c.until,
            "code": c.error_code,
            "detail": c.error_detail,
        }
        for c in fraud_chain_actions.of_alert(conn, alert.id)
    ]
    return schemas.AlertDetail(
        **_views(conn, [alert])[0].model_dump(),
        history=[schemas.audit_view(entry) for entry in audit_log.of_alert(conn, alert.id)],
        messages=[message.id for message in messages.of_alert(conn, alert.id)],
        chain=chain,
    )


def _views(conn: Connection, alerts_found: Sequence[Alert]) -> list[schemas.AlertView]:
    posts = fraud_context.posts(
        conn, [alert.post_id for alert in alerts_found if alert.post_id is not None]
    )
    people = fraud_context.creators(conn, [alert.creator_id for alert in alerts_found])
    views = []
    for alert in alerts_found:
        post = posts.get(bytes(alert.post_id)) if alert.post_id is not None else None
        person = dict(people[alert.creator_id].__dict__)
        del person["id"]
        context = (
            schemas.PostContext(**post.__dict__ | {"post_id": schemas.hexed(post.post_id)})
            if post
            else None
        )
        views.append(schemas.alert_view(alert, context, schemas.ProfileContext(**person)))
    return views


def _dry_run_view(run: DryRun) -> schemas.DryRunView:
    changes = [
        schemas.DryRunChange(**vars(change) | {"post_id": schemas.hexed(change.post_id)})
        for change in run.changes
    ]
    return schemas.DryRunView(**vars(run) | {"changes": changes})
