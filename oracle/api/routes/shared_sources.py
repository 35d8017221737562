"""Sources that nobody here owns: a catalogue's works, and parts of works."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, Field

from oracle.api.access import Cataloguer, Reader
from oracle.api.boundary import BoundedRoute, printable, takes
from oracle.api.parties import actor_of
from oracle.api.routes.uploads import save
from oracle.api.schemas.fraud import Body
from oracle.api.services import ServicesDep
from oracle.jobs import Jobs
from oracle.originality import shared_sources as registry
from oracle.originality.intake import Upload
from storage.cases import shared_sources

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["shared sources"])


class SharedSourceView(BaseModel):
    """A source that nobody here owns, or one that was taken for it."""

    id: UUID
    work_id: UUID
    part: dict[str, Any] | None = Field(description="Of the work, as evidence has it; null: all.")
    origin: str = Field(description="catalogue, appeal, or the work's own creator.")
    source: str = Field(description="Where it comes from, in words.")
    entered_by: str
    entered_at: datetime
    appeal_id: UUID | None
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str | None


class SharedSourceList(BaseModel):
    """Sources, the newest first."""

    shared_sources: list[SharedSourceView]


class EnteredView(BaseModel):
    """A work that is being entered; its analysis says how far that is."""

    analysis_id: UUID
    links: dict[str, str]


class EndReason(Body):
    """Why an entry ends."""

    because: str = Field(min_length=10, max_length=4000, description="Whose it is, and the proof.")


@router.get("/shared-sources", summary="Sources that nobody here owns, and those that were")
def list_sources(
    services: ServicesDep, _: Reader, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> SharedSourceList:
    with services.db.transaction() as conn:
        listed = shared_sources.list_all(conn, limit)
    return SharedSourceList(shared_sources=[SharedSourceView(**vars(each)) for each in listed])


@router.post(
    "/shared-sources", status_code=202, summary="Enter a catalogue's work that nobody here owns"
)
@takes(file=None)
def add_source(
    services: ServicesDep,
    caller: Cataloguer,
    file: Annotated[UploadFile, File(description="The work itself, as the catalogue has it.")],
    source: Annotated[
        str, Form(min_length=3, max_length=4000, description="Where it comes from: name, address.")
    ],
) -> EnteredView:
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "upload"
        sha256, size_bytes = save(file, path, services.settings.limits.upload_bytes)
        analysis_id = services.intake.submit(
            Upload(
                path=path,
                sha256=sha256,
                size_bytes=size_bytes,
                file_name=printable(Path(file.filename).name) if file.filename else None,
                idempotency_key=f"shared/{sha256.hex()}",
                shared_source=source,
                entered_by=actor_of(caller),
            ),
            source="index",
        )
    return EnteredView(analysis_id=analysis_id, links={"self": f"/v1/analyses/{analysis_id}"})


@router.post(
    "/shared-sources/{number}/end", summary="End an entry, as somebody proved that it is theirs"
)
def end_source(
    services: ServicesDep, caller: Cataloguer, number: UUID, body: EndReason
) -> SharedSourceView:
    with services.db.transaction() as conn:
        ended = registry.end(
            conn,
            Jobs(services.db.dsn),
            number,
            by=actor_of(caller),
            because=body.because,
            now=datetime.now(UTC),
        )
    return SharedSourceView(**vars(ended))
