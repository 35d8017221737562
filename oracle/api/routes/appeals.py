"""Appeals, messages and webhooks over HTTP."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import RedirectResponse, StreamingResponse

from oracle.api.access import Caller, FraudOfficer, Reader
from oracle.api.boundary import BoundedRoute, Number, printable, takes
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.parties import acting_creator, actor_of, check_own_key, check_side, own_creator
from oracle.api.schemas.appeals import (
    AppealPage,
    AppealView,
    AttachedView,
    AttachmentView,
    CaseStep,
    ClaimCheck,
    CopyClaim,
    DecidedAppeal,
    Decision,
    MessagePage,
    MessageView,
    SaidAtContract,
    VerdictAppeal,
    View,
    Webhook,
    WebhookSecret,
)
from oracle.api.services import Services, ServicesDep
from oracle.appeals import claims
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.attachments import MAX_BYTES, add_attachment, check_capacity
from oracle.errors import UploadTooLarge
from oracle.jobs import Jobs
from oracle.notices import webhooks
from storage.cases import appeals, messages
from storage.cases import claims as stored_claims
from storage.cases.appeals import Appeal
from storage.cases.messages import Message
from storage.chain import case_events
from storage.database import Connection
from storage.errors import StorageError
from storage.fraud import audit_log
from storage.works import analyses, works

log = structlog.get_logger()
router = APIRouter(route_class=BoundedRoute, tags=["appeals"])
CHUNK_BYTES = 2**20


@router.post(
    "/v1/appeals", status_code=201, summary="Appeal the verdict on your work, free of charge"
)
def file_appeal(services: ServicesDep, caller: Reader, body: VerdictAppeal) -> AppealView:
    with services.db.transaction() as conn:
        number = verdict_appeals.appeal_verdict(
            conn,
            body.analysis_id,
            creator_id=own_creator(caller, body.creator),
            actor=actor_of(caller),
            ground=body.ground,
            statement=body.statement,
            now=datetime.now(UTC),
        )
        return appeal_view(conn, appeals.get(conn, number))


@router.post(
    "/v1/claims", status_code=201, summary="Claim that a post copies an earlier work of yours"
)
def file_claim(services: ServicesDep, caller: Reader, body: CopyClaim) -> AppealView:
    with services.db.transaction() as conn:
        number = claims.claim_copy(
            conn,
            Jobs(services.db.dsn),
            body.analysis_id,
            body.earlier_work_id,
            creator_id=own_creator(caller, body.creator),
            actor=actor_of(caller),
            statement=body.statement,
            now=datetime.now(UTC),
        )
        return appeal_view(conn, appeals.get(conn, number))


@router.get("/v1/appeals", summary="Your appeals; for reviewers, all of them")
def list_appeals(
    services: ServicesDep,
    caller: Reader,
    status: Literal["open", "decided"] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AppealPage:
    check_side(caller, caller.creator_id)
    with services.db.transaction() as conn:
        listed = appeals.page(
            conn,
            creator_id=caller.creator_id,
            status=status,
            before=read_cursor(cursor, UUID),
            limit=limit + 1,
        )
        views = [appeal_view(conn, appeal) for appeal in listed[:limit]]
    last = listed[limit - 1] if len(listed) > limit else None
    return AppealPage(
        appeals=views, next_cursor=write_cursor(last.filed_at, last.id) if last else None
    )


@router.get("/v1/appeals/{appeal_id}", summary="One appeal with its files and steps")
def get_appeal(services: ServicesDep, caller: Reader, appeal_id: UUID) -> AppealView:
    with services.db.transaction() as conn:
        return appeal_view(conn, get_visible_appeal(conn, caller, appeal_id))


@router.post(
    "/v1/appeals/{appeal_id}/attachments",
    status_code=201,
    summary="Add a file that supports your side",
)
@takes(file=MAX_BYTES)
def attach(
    services: ServicesDep, caller: Reader, appeal_id: UUID, file: Annotated[UploadFile, File()]
) -> AttachedView:
    return AttachedView(attachment=attach_file(services, caller, appeal_id, file))


@router.get(
    "/v1/appeals/{appeal_id}/attachments/{number}",
    response_class=StreamingResponse,
    responses={200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}},
    summary="A file as it was sent",
)
def get_attachment(
    services: ServicesDep, caller: Reader, appeal_id: UUID, number: Number
) -> StreamingResponse:
    with services.db.transaction() as conn:
        get_visible_appeal(conn, caller, appeal_id)
        attachment = appeals.get_attachment(conn, appeal_id, number)

    def chunks() -> Iterator[bytes]:
        with services.blobs.open(attachment.blob_key) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk

    # Another party's file: browsers save it, and never run it as part of our pages.
    headers = {
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(attachment.size_bytes),
    }
    return StreamingResponse(chunks(), media_type=attachment.mime, headers=headers)


@router.post("/v1/appeals/{appeal_id}/answer", summary="Answer an appeal, as the other side")
def answer(services: ServicesDep, caller: Reader, appeal_id: UUID, body: View) -> AppealView:
    with services.db.transaction() as conn:
        verdict_appeals.add_other_view(
            conn,
            appeal_id,
            creator_id=own_creator(caller, body.creator),
            actor=actor_of(caller),
            view=body.view,
            now=datetime.now(UTC),
        )
        return appeal_view(conn, appeals.get(conn, appeal_id))


@router.post(
    "/v1/appeals/{appeal_id}/decide",
    summary="Decide an appeal against a verdict, if another reviewer decided before, or a claim",
)
def decide(
    services: ServicesDep, caller: FraudOfficer, appeal_id: UUID, body: Decision
) -> DecidedAppeal:
    with services.db.transaction() as conn:
        appeal = appeals.get(conn, appeal_id)
        if appeal.kind == "claim":
            claims.decide_claim(
                conn,
                appeal_id,
                upheld=body.outcome == "granted",
                actor=actor_of(caller),
                convinced=body.convinced,
                now=datetime.now(UTC),
                similarity_bps=body.similarity_bps,
                bad_faith=body.bad_faith,
            )
            view = appeal_view(conn, appeals.get(conn, appeal_id))
            return DecidedAppeal(appeal=view, checked_again=[])
        rechecks = verdict_appeals.decide_verdict(
            conn,
            appeal_id,
            granted=body.outcome == "granted",
            actor=actor_of(caller),
            convinced=body.convinced,
            now=datetime.now(UTC),
        )
        view = appeal_view(conn, appeals.get(conn, appeal_id))
    return DecidedAppeal(appeal=view, checked_again=list(rechecks))


@router.get("/v1/messages", summary="The notices to a creator")
def list_messages(
    services: ServicesDep,
    caller: Reader,
    creator: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MessagePage:
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, creator)
        listed = messages.page(conn, creator_id, before=read_cursor(cursor, UUID), limit=limit + 1)
    last = listed[limit - 1] if len(listed) > limit else None
    return MessagePage(
        messages=[_message(message) for message in listed[:limit]],
        next_cursor=write_cursor(last.created_at, last.id) if last else None,
    )


@router.put(
    "/v1/webhook", summary="Set where a creator's messages go; the answer holds the secret, once"
)
def put_webhook(services: ServicesDep, caller: Reader, body: Webhook) -> WebhookSecret:
    check_own_key(caller)
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, body.creator)
        private = services.settings.fetch.allow_private
        return WebhookSecret(
            secret=webhooks.register(conn, creator_id, body.url, allow_private=private)
        )


def attach_file(services: Services, caller: Caller, appeal_id: UUID, file: UploadFile) -> int:
    """Store a file with an appeal that the caller is a side of.

    Raises: UploadTooLarge, and the errors of `add_attachment`.
    """
    with services.db.transaction() as conn:
        get_visible_appeal(conn, caller, appeal_id)
        check_capacity(conn, appeal_id)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path, size, limit = Path(folder) / "file", 0, MAX_BYTES
        with path.open("wb") as out:
            while chunk := file.file.read(CHUNK_BYTES):
                size += len(chunk)
                if size > limit:
                    raise UploadTooLarge(
                        f"The file is larger than the {limit} bytes accepted here. Nothing was"
                        " kept."
                    )
                out.write(chunk)
        return add_attachment(
            services.db,
            services.blobs,
            appeal_id,
            path,
            printable(file.filename or "") or "file",
            actor=actor_of(caller),
            now=datetime.now(UTC),
        )


def check_size(file: UploadFile | None) -> None:
    """Refuse a file that is too large before the appeal is filed.

    Raises: UploadTooLarge.
    """
    if file is not None and file.size is not None and file.size > MAX_BYTES:
        raise UploadTooLarge(
            f"The file is larger than the {MAX_BYTES} bytes accepted here. Nothing was filed."
        )


def attach_and_redirect(
    services: Services, caller: Caller, appeal_id: UUID, file: UploadFile | None
) -> RedirectResponse:
    """Attach the file to an appeal that was just filed, and redirect to the appeal's page.

    The appeal stands even if its file cannot be stored: the page says so.
    """
    if file is not None and file.filename:
        try:
            attach_file(services, caller, appeal_id, file)
        except StorageError as exc:
            log.warning("appeal.file_lost", appeal_id=str(appeal_id), code=exc.code, error=str(exc))
            return RedirectResponse(f"/appeals/{appeal_id}?file=lost", status_code=303)
    return RedirectResponse(f"/appeals/{appeal_id}", status_code=303)


def get_visible_appeal(conn: Connection, caller: Caller, appeal_id: UUID) -> Appeal:
    """Return an appeal that the caller may see. Raises: NotFound, KeyRequired, NotYourCase."""
    appeal = appeals.get(conn, appeal_id)
    check_side(caller, appeal.creator_id, appeal.other_creator_id)
    return appeal


def appeal_view(conn: Connection, appeal: Appeal) -> AppealView:
    shown = {
        name: getattr(appeal, name) for name in AppealView.model_fields if hasattr(appeal, name)
    }
    files = [
        AttachmentView(
            number=file.id,
            file_name=file.file_name,
            mime=file.mime,
            size_bytes=file.size_bytes,
            added_by=file.added_by,
        )
        for file in appeals.attachments(conn, appeal.id)
    ]
    steps = [
        CaseStep(
            at=step.at,
            actor=step.actor,
            step=step.step,
            reason_code=step.reason_code,
            text=step.text,
        )
        for step in audit_log.of_appeal(conn, appeal.id)
    ]
    check = stored_claims.find_check(conn, appeal.id) if appeal.kind == "claim" else None
    shown["check"] = (
        ClaimCheck(
            similarity_bps=check.similarity_bps,
            verified=check.verified,
            match=dict(check.match) if check.match else None,
            error=check.error,
            checked_at=check.checked_at,
        )
        if check
        else None
    )
    return AppealView(**shown, attachments=files, at_contract=_said(conn, appeal), history=steps)


def _said(conn: Connection, appeal: Appeal) -> list[SaidAtContract]:
    if appeal.analysis_id is None:
        return []
    original = (
        works.get_work(conn, appeal.earlier_work_id).post_id if appeal.earlier_work_id else None
    )
    said = case_events.said_of(conn, analyses.get(conn, appeal.analysis_id).post_id, original)
    return [SaidAtContract(**vars(one)) for one in said]


def _message(message: Message) -> MessageView:
    return MessageView(
        id=message.id,
        kind=message.kind,
        subject=message.subject,
        body=message.body,
        facts=dict(message.facts),
        created_at=message.created_at,
        read_at=message.read_at,
        alert_id=message.alert_id,
        appeal_id=message.appeal_id,
        delivery=message.delivery,
        sha256=bytes(message.sha256).hex(),
        link=f"/messages/{message.id}",
    )
