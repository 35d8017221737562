"""Uploads of media: as a form, or by URI."""

import hashlib
import tempfile
import time
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, File, Form, Header, Query, Response, UploadFile
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from oracle import traces
from oracle.api.access import Caller, Uploader
from oracle.api.answers import Until
from oracle.api.boundary import BoundedRoute, printable, takes
from oracle.api.routes.analyses import load_view
from oracle.api.routes.names import check_may_post
from oracle.api.schemas.analyses import AnalysisView, CheckView, check_view
from oracle.api.schemas.uploads import Stated, exactly, stated_in_form
from oracle.api.services import Services, ServicesDep
from oracle.errors import NotAllowed, UploadTooLarge
from oracle.originality.intake import Upload
from oracle.originality.judge import Judgement
from oracle.originality.naming import find_creator
from storage.errors import StorageError

CHUNK_BYTES = 2**20
# A decided answer waits at most this long for its transaction: the decision matters more.
ATTESTATION_WAIT_S = 6.0

router = APIRouter(route_class=BoundedRoute, tags=["uploads"])
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A request sent again with the same key gets the first answer.",
    ),
]
Wait = Annotated[
    float | None,
    Query(
        ge=0,
        le=120,
        description="Seconds to wait for the decision; after that the answer is 202 with a link.",
    ),
]


FACTS = tuple(Stated.model_fields)
FORM = ("file", "creator", "media_type")
StatedInForm = Annotated[Stated, Depends(stated_in_form)]


class WorkByUri(Stated):
    """A work whose media is behind a URI."""

    uri: str = Field(max_length=2048, examples=["https://example.org/photo.jpg"])
    creator: str | None = None
    media_type: str | None = None


@router.post(
    "/v1/uploads",
    response_model=AnalysisView,
    responses={202: {"model": AnalysisView}},
    dependencies=[Depends(exactly(*FORM, *FACTS))],
    summary="Post a picture, a video or a sound and learn if it is original",
)
@takes(file=None, registers=True)
async def upload(
    services: ServicesDep,
    response: Response,
    caller: Uploader,
    file: Annotated[
        UploadFile,
        File(description="The media itself; its name and announced type are not trusted."),
    ],
    stated: StatedInForm,
    creator: Annotated[str | None, Form(description="Wallet address, or a name.")] = None,
    media_type: Annotated[
        str | None, Form(description="image, video or audio; found out if not given.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
    wait_s: Wait = None,
) -> AnalysisView | JSONResponse:
    began_ns = time.time_ns()
    post = stated.post(caller)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "upload"
        limit = services.settings.limits.upload_bytes
        sha256, size_bytes = await run_in_threadpool(save, file, path, limit)
        name = printable(Path(file.filename).name) if file.filename else None
        taken = Upload(
            path=path,
            sha256=sha256,
            size_bytes=size_bytes,
            file_name=name,
            creator=await run_in_threadpool(creator_of, services, caller, creator or None),
            media_type=media_type or None,
            idempotency_key=caller.idempotency(idempotency_key),
            post=post,
            facts=stated.facts(caller),
            from_platform=caller.is_platform,
            poster=caller.poster_within(services.settings.queue),
        )
        analysis_id = await run_sync(services.intake.submit, taken, limiter=services.submitting)
        traces.begun(analysis_id, "upload", began_ns)
    return await _answer(services, response, analysis_id, wait_s)


@router.post(
    "/v1/check",
    dependencies=[Depends(exactly(*FORM))],
    summary="What would be decided if it were posted now; nothing is kept, paid or sent",
)
@takes(file=None, checks=True)
def check(
    services: ServicesDep,
    caller: Uploader,
    file: Annotated[UploadFile, File(description="The media itself.")],
    creator: Annotated[str | None, Form(description="Who would post it.")] = None,
    media_type: Annotated[
        str | None, Form(description="image, video or audio; found out if not given.")
    ] = None,
) -> CheckView:
    return check_view(judge(services, caller, file, creator, media_type))


def judge(
    services: Services,
    caller: Caller,
    file: UploadFile,
    creator: str | None,
    media_type: str | None = None,
) -> Judgement:
    """What would be decided if the file were posted now."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "upload"
        save(file, path, services.settings.limits.upload_bytes)
        return services.checker.check(
            path, creator_of(services, caller, creator or None), media_type or None
        )


@router.post(
    "/v1/works",
    response_model=AnalysisView,
    responses={202: {"model": AnalysisView}},
    dependencies=[Depends(exactly(*WorkByUri.model_fields))],
    summary="Post media behind a URI and learn if it is original",
)
@takes(registers=True)
async def add_work(
    services: ServicesDep,
    response: Response,
    caller: Uploader,
    body: WorkByUri,
    idempotency_key: IdempotencyKey = None,
    wait_s: Wait = None,
) -> AnalysisView | JSONResponse:
    began_ns = time.time_ns()
    post = body.post(caller)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "media"
        fetched = await services.fetching.run(
            caller.poster, partial(services.fetcher.fetch, body.uri, path)
        )
        taken = Upload(
            path=path,
            sha256=fetched.sha256,
            size_bytes=fetched.size_bytes,
            file_name=file_name_of(body.uri),
            creator=await run_in_threadpool(creator_of, services, caller, body.creator),
            media_type=body.media_type,
            idempotency_key=caller.idempotency(idempotency_key),
            post=post,
            facts=body.facts(caller),
            from_platform=caller.is_platform,
            poster=caller.poster_within(services.settings.queue),
        )
        analysis_id = await run_sync(services.intake.submit, taken, limiter=services.submitting)
        traces.begun(analysis_id, "upload", began_ns)
    return await _answer(services, response, analysis_id, wait_s)


def creator_of(services: Services, caller: Caller, named: str | None) -> str | None:
    """Return the creator of an upload.

    A creator's own key uploads for that one only, a platform's key for no name that others vouch
    for. Raises: NotAllowed.
    """
    if named is None:
        return caller.creator
    with services.db.transaction() as conn:
        if caller.is_platform and not caller.may("admin"):
            check_may_post(conn, caller, named)
        whose = find_creator(conn, named) if caller.creator else None
    if caller.creator is None:
        return named
    if whose != caller.creator_id:
        raise NotAllowed(
            f"The key {caller.name!r} posts for {caller.creator} only, not for {named}."
        )
    return caller.creator


def file_name_of(uri: str) -> str | None:
    """Return the last part of a URI's path.

    Never its query: that may be a signature, and file names end up in evidence.
    """
    return printable(unquote(PurePosixPath(urlsplit(uri).path).name))


def save(file: UploadFile, path: Path, limit_bytes: int) -> tuple[bytes, int]:
    """Save an upload within the limit. Returns: its SHA-256 and size. Raises: UploadTooLarge."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as out:
        while chunk := file.file.read(CHUNK_BYTES):
            size += len(chunk)
            if size > limit_bytes:
                raise UploadTooLarge(
                    f"The file is larger than the {limit_bytes} bytes that are accepted here."
                    " Nothing was kept."
                )
            digest.update(chunk)
            out.write(chunk)
    return digest.digest(), size


async def _answer(
    services: ServicesDep, response: Response, analysis_id: UUID, wait_s: float | None
) -> AnalysisView | JSONResponse:
    """Return the analysis as far as it gets in time.

    It is accepted by now, so no error here may ask the client to send again.
    """
    try:
        return await _wait(services, response, analysis_id, wait_s)
    except StorageError as exc:
        link = f"/v1/analyses/{analysis_id}"
        body = {
            "analysis_id": str(analysis_id),
            "status": "queued",
            "detail": str(exc),
            "links": {"self": link},
        }
        return JSONResponse(body, 202, {"Location": link})


async def _wait(
    services: ServicesDep, response: Response, analysis_id: UUID, wait_s: float | None
) -> AnalysisView:
    deadline = time.monotonic() + (services.settings.http.wait_s if wait_s is None else wait_s)
    await services.answers.wait(analysis_id, Until.ENDED, deadline - time.monotonic())
    view = await run_in_threadpool(load_view, services.db, analysis_id)
    if view.status not in ("decided", "failed"):
        response.status_code = 202
        response.headers["Location"] = view.links["self"]
        return view
    if view.attestation is None or view.attestation.status not in ("pending", "sent"):
        return view
    left = min(deadline - time.monotonic(), ATTESTATION_WAIT_S)
    await services.answers.wait(analysis_id, Until.DELIVERED, left)
    return await run_in_threadpool(load_view, services.db, analysis_id)
