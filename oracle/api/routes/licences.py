"""What a creator lets others do with works of their own: licences, and parts left to everybody."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute, Number
from oracle.api.parties import acting_creator, actor_of, check_own_key, own_creator
from oracle.api.services import ServicesDep
from oracle.errors import Conflict, InvalidPart, NotAllowed
from oracle.jobs import Jobs
from oracle.originality import shared_sources as registry
from oracle.originality.naming import find_creator
from oracle.rules.numbers import BPS
from oracle.rules.overlap import Part
from storage.cases import shared_sources
from storage.cases.shared_sources import SharedSource
from storage.errors import NotFound
from storage.works import permissions, works
from storage.works.permissions import Licence
from storage.works.works import Work

MAX_LISTED = 200
# Of a work, ever: each judges again what copies it.
MAX_EXCLUDED = 20

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["creators"])

Fraction = Annotated[float, Field(ge=0, le=1)]


class Grant(BaseModel):
    """A licence to be granted."""

    licensee: str | None = Field(
        None, max_length=256, description="Who may use the work, in any spelling; null: everybody."
    )
    work_id: UUID | None = Field(None, description="The one work; without it, all your works.")
    max_share_bps: int = Field(
        BPS, ge=1, le=BPS, description="The most that it may make of a post: a remix, not a copy."
    )
    note: str | None = Field(None, max_length=2000, description="Terms; everybody sees them.")


class Exclusion(BaseModel):
    """A part of a work that its creator claims nothing for: a stretch of what runs in time, or a
    rectangle of a picture, in fractions of its width and height.
    """

    work_id: UUID
    start_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    end_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    left: Fraction | None = None
    top: Fraction | None = None
    right: Fraction | None = None
    bottom: Fraction | None = None
    because: str = Field(
        min_length=3, max_length=2000, description="What it is: a jingle of a library, a template."
    )

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        stretch = (self.start_s, self.end_s)
        rectangle = (self.left, self.top, self.right, self.bottom)
        if (None in stretch) == (None in rectangle) or any(
            low is not None and high is not None and low >= high
            for low, high in (stretch, (self.left, self.right), (self.top, self.bottom))
        ):
            raise ValueError("name start_s and end_s, or left, top, right and bottom, in order")
        return self


class ExclusionView(BaseModel):
    """A part of a work that its creator claims nothing for."""

    id: UUID
    work_id: UUID
    part: dict[str, Any] = Field(description="As evidence has parts of works.")
    because: str
    entered_at: datetime


@router.get(
    "/licences", summary="Licences that a creator granted and was granted, the latest first"
)
def list_licences(
    services: ServicesDep, caller: Reader, creator: str | None = None
) -> list[Licence]:
    with services.db.transaction() as conn:
        return permissions.list_of(conn, acting_creator(conn, caller, creator), MAX_LISTED)


@router.post(
    "/licences", status_code=201, summary="Let another creator use a work of yours, or all"
)
def grant(services: ServicesDep, caller: Reader, body: Grant) -> Licence:
    check_own_key(caller)
    owner_id = own_creator(caller, None)
    with services.db.transaction() as conn:
        licensee_id = find_creator(conn, body.licensee) if body.licensee else None
        if body.licensee and licensee_id is None:
            raise NotFound(f"Nobody is registered as {body.licensee}; nothing was granted.")
        if licensee_id == owner_id:
            raise NotAllowed("Your own works are yours without a licence.")
        if body.work_id is not None:
            work = works.get_work(conn, body.work_id)
            if work.creator_id != owner_id or work.erased_at is not None:
                raise NotFound(f"You have no work {body.work_id}; nothing was granted.")
        number = permissions.grant(
            conn, owner_id, licensee_id, body.work_id, body.note, body.max_share_bps
        )
        return permissions.get(conn, number)


@router.delete("/licences/{number}", status_code=204, summary="End a licence that you granted")
def revoke(services: ServicesDep, caller: Reader, number: Number) -> None:
    """It stays listed, and verdicts that rested on it stand; later analyses know it no more."""
    check_own_key(caller)
    with services.db.transaction() as conn:
        permissions.revoke(conn, own_creator(caller, None), number)


@router.get("/exclusions", summary="Parts of a creator's works that they claim nothing for")
def list_exclusions(
    services: ServicesDep,
    caller: Reader,
    creator: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
) -> list[ExclusionView]:
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, creator)
        return [_excluded(one) for one in shared_sources.excluded_by(conn, creator_id, limit)]


@router.post("/exclusions", status_code=201, summary="Claim nothing for a part of a work of yours")
def exclude(services: ServicesDep, caller: Reader, body: Exclusion) -> ExclusionView:
    """Whoever shares only that part with it is not accused by it; provisional verdicts that rest
    on the work are judged again.
    """
    check_own_key(caller)
    owner_id = own_creator(caller, None)
    with services.db.transaction() as conn:
        work = works.get_work(conn, body.work_id)
        if work.creator_id != owner_id or work.erased_at is not None:
            raise NotFound(f"You have no work {body.work_id}; nothing was changed.")
        if shared_sources.count_excluded(conn, work.id) >= MAX_EXCLUDED:
            raise Conflict(
                f"{MAX_EXCLUDED} parts of this work were left to others before; nothing was"
                " changed."
            )
        entered = registry.exclude(
            conn,
            Jobs(services.db.dsn),
            work.id,
            _part_of(work, body),
            because=body.because,
            by=actor_of(caller),
            now=datetime.now(UTC),
        )
        if not entered:
            raise Conflict("That part is left to others already; nothing was changed.")
        return _excluded(shared_sources.excluded_by(conn, owner_id, 1)[0])


@router.delete("/exclusions/{number}", status_code=204, summary="Claim a part of a work again")
def end_exclusion(services: ServicesDep, caller: Reader, number: UUID) -> None:
    """Verdicts of before stand; later analyses count the part again."""
    check_own_key(caller)
    with services.db.transaction() as conn:
        mine = shared_sources.excluded_by(conn, own_creator(caller, None), MAX_LISTED)
        if number not in [one.id for one in mine]:
            raise NotFound(f"You left no part {number} to others; nothing was changed.")
        registry.end(
            conn,
            Jobs(services.db.dsn),
            number,
            by=actor_of(caller),
            because="Its creator claims it again.",
            now=datetime.now(UTC),
        )


def _part_of(work: Work, body: Exclusion) -> Part:
    """The part of a work that a body names. Raises: InvalidPart where the work has no such part."""
    if work.media_type == "image":
        if body.left is None or body.right is None or body.top is None or body.bottom is None:
            raise InvalidPart("A picture has no seconds: name left, top, right and bottom.")
        share = (body.right - body.left) * (body.bottom - body.top)
        corners = (
            (body.left, body.top),
            (body.right, body.top),
            (body.right, body.bottom),
            (body.left, body.bottom),
        )
        return Part(max(1, round(BPS * share)), corners)
    if body.start_s is None or body.end_s is None or work.duration_ms is None:
        raise InvalidPart("Of what runs in time name start_s and end_s, in seconds.")
    length_s = work.duration_ms / 1000
    if body.start_s >= length_s:
        raise InvalidPart(f"The work ends after {length_s:.1f} s.")
    span = (body.start_s, min(body.end_s, length_s))
    channels = ("sound",) if work.media_type == "audio" else ("picture", "sound")
    share = (span[1] - span[0]) / length_s
    return Part(max(1, round(BPS * share)), spans=dict.fromkeys(channels, (span,)))


def _excluded(entry: SharedSource) -> ExclusionView:
    assert entry.part is not None
    return ExclusionView(
        id=entry.id,
        work_id=entry.work_id,
        part=dict(entry.part),
        because=entry.source,
        entered_at=entry.entered_at,
    )
