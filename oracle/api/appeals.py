"""Appeals and messages over HTTP, and the pages where people read and write them."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

from oracle.api.access import Caller, FraudOfficer, Reader
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.fraud import load_detail
from oracle.api.fraud_schemas import AppealRequest, Body
from oracle.api.pages import templates
from oracle.api.parties import acting_creator, actor_of, check_neutral, check_side, own_creator
from oracle.api.services import Services, ServicesDep
from oracle.errors import UploadTooLarge
from oracle.fraud import alerts, webhooks, wording
from oracle.fraud import appeals as cases
from oracle.fraud.attachments import MOST_BYTES, add_attachment, check_room
from oracle.fraud.statements import day
from storage import appeals, fraud_alerts, fraud_audit, inbox_messages
from storage.appeals import Appeal
from storage.database import Connection
from storage.errors import StorageError
from storage.inbox_messages import Message

log = structlog.get_logger()
router = APIRouter(tags=["appeals"])
CHUNK_BYTES = 2**20
QUEUE = ("open", "notified", "appealed")
templates.filters |= {"day": day, "who": wording.who, "did": wording.step}


class VerdictAppeal(AppealRequest):
    """An appeal against the verdict of an analysis."""

    analysis_id: UUID


class View(Body):
    """How the other side sees it."""

    view: str = Field(min_length=1, max_length=10_000)
    creator: str | None = None


class Decision(Body):
    """The decision on an appeal against a verdict."""

    outcome: Literal["granted", "refused"]
    convinced: str = Field(min_length=10, max_length=4000, description="What convinced you; both sides read it.")


class Webhook(Body):
    """Where messages go."""

    url: str = Field(max_length=2000)
    creator: str | None = None


class AppealView(BaseModel):
    """An appeal as both sides and the reviewers see it."""

    id: UUID
    kind: str
    alert_id: UUID | None
    analysis_id: UUID | None
    ground: str
    statement: str
    status: str
    filed_at: datetime
    decide_by: datetime
    first_decider: str
    other_view: str | None
    other_until: datetime | None
    outcome: str | None
    convinced: str | None
    decided_by: str | None
    decided_at: datetime | None
    attachments: list[dict[str, Any]]
    history: list[dict[str, Any]]


@router.post("/v1/appeals", status_code=201, summary="Appeal the verdict on your work, free of charge")
def file_appeal(services: ServicesDep, caller: Reader, body: VerdictAppeal) -> AppealView:
    with services.db.transaction() as conn:
        number = cases.appeal_verdict(
            conn, body.analysis_id, creator_id=own_creator(caller, body.creator),
            actor=actor_of(caller), ground=body.ground, statement=body.statement, now=datetime.now(UTC),
        )  # fmt: skip
        return _view(conn, appeals.get(conn, number))


@router.get("/v1/appeals", summary="Appeals that you are a side of; all for reviewers")
def list_appeals(
    services: ServicesDep,
    caller: Reader,
    status: Literal["open", "decided"] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    check_side(caller, caller.creator_id)
    with services.db.transaction() as conn:
        found = appeals.page(
            conn, creator_id=caller.creator_id, status=status, before=read_cursor(cursor, UUID), limit=limit + 1
        )
        views = [_view(conn, appeal) for appeal in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return {"appeals": views, "next_cursor": write_cursor(last.filed_at, last.id) if last else None}


@router.get("/v1/appeals/{appeal_id}", summary="One appeal with its files and steps")
def get_appeal(services: ServicesDep, caller: Reader, appeal_id: UUID) -> AppealView:
    with services.db.transaction() as conn:
        return _view(conn, seen_appeal(conn, caller, appeal_id))


@router.post("/v1/appeals/{appeal_id}/attachments", status_code=201, summary="Add a file that supports your side")
def attach(
    services: ServicesDep, caller: Reader, appeal_id: UUID, file: Annotated[UploadFile, File()]
) -> dict[str, int]:
    return {"attachment": attach_file(services, caller, appeal_id, file)}


@router.get("/v1/appeals/{appeal_id}/attachments/{number}", summary="A file as it was sent")
def get_attachment(services: ServicesDep, caller: Reader, appeal_id: UUID, number: int) -> StreamingResponse:
    with services.db.transaction() as conn:
        seen_appeal(conn, caller, appeal_id)
        found = appeals.get_attachment(conn, appeal_id, number)

    def chunks() -> Iterator[bytes]:
        with services.blobs.open(found.blob_key) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk

    # Somebody else's file: it is saved, and never runs as part of our pages.
    headers = {
        "Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff",
        "Content-Length": str(found.size_bytes),
    }  # fmt: skip
    return StreamingResponse(chunks(), media_type=found.mime, headers=headers)


@router.post("/v1/appeals/{appeal_id}/answer", summary="Say how you see it, as the other side")
def answer(services: ServicesDep, caller: Reader, appeal_id: UUID, body: View) -> AppealView:
    with services.db.transaction() as conn:
        cases.add_other_view(
            conn, appeal_id, creator_id=own_creator(caller, body.creator),
            actor=actor_of(caller), view=body.view, now=datetime.now(UTC),
        )  # fmt: skip
        return _view(conn, appeals.get(conn, appeal_id))


@router.post("/v1/appeals/{appeal_id}/decide", summary="Decide an appeal against a verdict; not by who decided before")
def decide(services: ServicesDep, caller: FraudOfficer, appeal_id: UUID, body: Decision) -> dict[str, Any]:
    with services.db.transaction() as conn:
        case = appeals.get(conn, appeal_id)
        check_neutral(caller, case.creator_id, case.other_creator_id)
        rechecks = cases.decide_verdict(
            conn, appeal_id, granted=body.outcome == "granted", actor=actor_of(caller),
            convinced=body.convinced, now=datetime.now(UTC),
        )  # fmt: skip
        return {"appeal": _view(conn, appeals.get(conn, appeal_id)), "checked_again": rechecks}


@router.get("/v1/messages", summary="What a creator was told")
def list_messages(
    services: ServicesDep,
    caller: Reader,
    creator: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, creator)
        found = inbox_messages.page(conn, creator_id, before=read_cursor(cursor, UUID), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return {
        "messages": [_message(message) for message in found[:limit]],
        "next_cursor": write_cursor(last.created_at, last.id) if last else None,
    }


@router.put("/v1/webhook", summary="Send a creator's messages there; the answer holds the secret, once")
def put_webhook(services: ServicesDep, caller: Reader, body: Webhook) -> dict[str, str]:
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, body.creator)
        private = services.settings.fetch.allow_private
        return {"secret": webhooks.register(conn, creator_id, body.url, allow_private=private)}


@router.get("/fraud_alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
def alert_page(services: ServicesDep, caller: Reader, alert_id: UUID) -> str:
    with services.db.transaction() as conn:
        alert = fraud_alerts.get(conn, alert_id)
        check_side(caller, alert.creator_id)
        view = load_detail(conn, alert)
        letters = inbox_messages.of_alert(conn, alert_id)
        appeal = appeals.find_open_of_alert(conn, alert_id)
    return templates.get_template("alert.html").render(
        alert=view, letters=letters, appeal=appeal, why=wording.why_of(alert.signals), now=datetime.now(UTC),
        grounds={name: wording.GROUNDS[name] for name in wording.FRAUD_GROUNDS},
        may_appeal=view.status in ("notified", "upheld") and caller.creator_id == alert.creator_id,
        may_decide=caller.may("fraud") and caller.creator_id != alert.creator_id,
    )  # fmt: skip


@router.get("/fraud_alerts", response_class=HTMLResponse, include_in_schema=False)
def alerts_page(services: ServicesDep, _: FraudOfficer) -> str:
    """The reviewers' queue, what ends first at the top, and how each signal did in the last 90 days."""
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        waiting = [a for status in QUEUE for a in fraud_alerts.page(conn, status=status, limit=200)]
        record = fraud_alerts.record_by_signal(conn, now - timedelta(days=90))
        verdicts = appeals.waiting_for_decision(conn, "originality", limit=200)
    waiting.sort(key=lambda alert: alert.frozen_until or alert.review_by)
    return templates.get_template("alerts.html").render(
        alerts=waiting, record=record, rules=wording.RULES, grounds=wording.GROUNDS, appeals=verdicts,
    )  # fmt: skip


@router.post("/fraud_alerts/{alert_id}/decide", include_in_schema=False)
def decide_form(
    services: ServicesDep,
    caller: FraudOfficer,
    alert_id: UUID,
    step: Annotated[Literal["freeze", "uphold", "reverse", "reopen"], Form()],
    reason: Annotated[str, Form(min_length=10, max_length=4000)],
    days: Annotated[int, Form(ge=1, le=180)] = 14,
) -> RedirectResponse:
    now = datetime.now(UTC)
    with services.db.transaction() as conn:
        check_neutral(caller, fraud_alerts.get(conn, alert_id).creator_id)
        if step == "freeze":
            until = now + timedelta(days=days)
            alerts.freeze(
                conn, alert_id, actor=actor_of(caller), until=until, reason_code="reviewer", text=reason, now=now
            )
        elif step == "reopen":
            alerts.reopen(conn, alert_id, actor=actor_of(caller), reason_code="reviewer", text=reason, now=now)
        else:
            cases.resolve_alert(
                conn, alert_id, upheld=step == "uphold", actor=actor_of(caller), until=now + timedelta(days=days),
                code="reviewer", text=reason, now=now,
            )  # fmt: skip
    return RedirectResponse(f"/fraud_alerts/{alert_id}", status_code=303)


@router.post("/fraud_alerts/{alert_id}/appeal", include_in_schema=False)
def appeal_form(
    services: ServicesDep,
    caller: Reader,
    alert_id: UUID,
    ground: Annotated[str, Form()],
    statement: Annotated[str, Form(min_length=1, max_length=10_000)],
    file: Annotated[UploadFile | None, File()] = None,
) -> RedirectResponse:
    check_size(file)
    with services.db.transaction() as conn:
        number = cases.appeal_alert(
            conn, alert_id, creator_id=own_creator(caller, None), actor=actor_of(caller),
            ground=ground, statement=statement, now=datetime.now(UTC),
        )  # fmt: skip
    return filed_with(services, caller, number, file)


@router.post("/appeals/{appeal_id}/file", include_in_schema=False)
def file_form(
    services: ServicesDep, caller: Reader, appeal_id: UUID, file: Annotated[UploadFile, File()]
) -> RedirectResponse:
    attach_file(services, caller, appeal_id, file)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


@router.get("/appeals/{appeal_id}", response_class=HTMLResponse, include_in_schema=False)
def appeal_page(services: ServicesDep, caller: Reader, appeal_id: UUID, file: Literal["lost"] | None = None) -> str:
    with services.db.transaction() as conn:
        appeal = seen_appeal(conn, caller, appeal_id)
        view = _view(conn, appeal)
    return templates.get_template("appeal.html").render(
        appeal=view, ground=wording.GROUNDS[appeal.ground], now=datetime.now(UTC), file_lost=file == "lost",
        may_attach=appeal.status == "open" and caller.creator_id in (appeal.creator_id, appeal.other_creator_id)
        and caller.creator_id is not None,
        may_answer=appeal.other_creator_id is not None and caller.creator_id == appeal.other_creator_id
        and appeal.other_view is None and appeal.status == "open",
        may_decide=appeal.kind == "originality" and appeal.status == "open" and caller.may("fraud")
        and caller.creator_id not in (appeal.creator_id, appeal.other_creator_id),
    )  # fmt: skip


@router.post("/appeals/{appeal_id}/answer", include_in_schema=False)
def answer_form(
    services: ServicesDep,
    caller: Reader,
    appeal_id: UUID,
    view: Annotated[str, Form(min_length=1, max_length=10_000)],
) -> RedirectResponse:
    answer(services, caller, appeal_id, View(view=view))
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


@router.get("/messages", response_class=HTMLResponse, include_in_schema=False)
def inbox_page(services: ServicesDep, caller: Reader, creator: str | None = None) -> str:
    with services.db.transaction() as conn:
        found = inbox_messages.page(conn, acting_creator(conn, caller, creator), limit=100)
    return templates.get_template("statements.html").render(messages=found)


@router.get("/messages/{message_id}", response_class=HTMLResponse, include_in_schema=False)
def message_page(services: ServicesDep, caller: Reader, message_id: UUID) -> str:
    with services.db.transaction() as conn:
        message = inbox_messages.get(conn, message_id)
        check_side(caller, message.creator_id)
        if caller.creator_id == message.creator_id:
            inbox_messages.mark_read(conn, message_id, datetime.now(UTC))
    return templates.get_template("statement.html").render(message=message)


def attach_file(services: Services, caller: Caller, appeal_id: UUID, file: UploadFile) -> int:
    """Keep a file with an appeal that the caller is a side of. Raises: UploadTooLarge, and what keeping it raises."""
    with services.db.transaction() as conn:
        seen_appeal(conn, caller, appeal_id)
        check_room(conn, appeal_id)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path, size, limit = Path(folder) / "file", 0, MOST_BYTES
        with path.open("wb") as out:
            while chunk := file.file.read(CHUNK_BYTES):
                size += len(chunk)
                if size > limit:
                    raise UploadTooLarge(f"The file is larger than the {limit} bytes accepted here. Nothing was kept.")
                out.write(chunk)
        return add_attachment(
            services.db, services.blobs, appeal_id, path, file.filename or "file",
            actor=actor_of(caller), now=datetime.now(UTC),
        )  # fmt: skip


def check_size(file: UploadFile | None) -> None:
    """Before anything is filed: who reads that a file is too large has not appealed. Raises: UploadTooLarge."""
    if file is not None and file.size is not None and file.size > MOST_BYTES:
        raise UploadTooLarge(f"The file is larger than the {MOST_BYTES} bytes accepted here. Nothing was filed.")


def filed_with(services: Services, caller: Caller, appeal_id: UUID, file: UploadFile | None) -> RedirectResponse:
    """To the page of an appeal that was just filed. It stands, also where its file cannot be kept: the page says so."""
    if file is not None and file.filename:
        try:
            attach_file(services, caller, appeal_id, file)
        except StorageError as exc:
            log.warning("appeal.file_lost", appeal_id=str(appeal_id), code=exc.code, error=str(exc))
            return RedirectResponse(f"/appeals/{appeal_id}?file=lost", status_code=303)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


def seen_appeal(conn: Connection, caller: Caller, appeal_id: UUID) -> Appeal:
    """An appeal that the caller may see. Raises: NotFound, KeyRequired, NotYourCase."""
    appeal = appeals.get(conn, appeal_id)
    check_side(caller, appeal.creator_id, appeal.other_creator_id)
    return appeal


def _view(conn: Connection, appeal: Appeal) -> AppealView:
    shown = {name: getattr(appeal, name) for name in AppealView.model_fields if hasattr(appeal, name)}
    files = [
        {"number": f.id, "file_name": f.file_name, "mime": f.mime, "size_bytes": f.size_bytes, "added_by": f.added_by}
        for f in appeals.attachments(conn, appeal.id)
    ]
    steps = [
        {"at": e.at, "actor": e.actor, "step": e.step, "reason_code": e.reason_code, "text": e.text}
        for e in fraud_audit.of_appeal(conn, appeal.id)
    ]
    return AppealView(**shown, attachments=files, history=steps)


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id, "kind": message.kind, "subject": message.subject, "body": message.body,
        "created_at": message.created_at, "read_at": message.read_at, "alert_id": message.alert_id,
        "appeal_id": message.appeal_id, "delivery": message.delivery, "sha256": bytes(message.sha256).hex(),
        "link": f"/messages/{message.id}",
    }  # fmt: skip
