"""Lists of works, analyses and creators: a platform's own by its key, a creator's by theirs."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from embeddings.sniff import MediaType
from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.schemas.analyses import WorkView, work_view
from oracle.api.schemas.uploads import ExternalId
from oracle.api.services import ServicesDep
from oracle.engagement.events import PostId
from oracle.originality.naming import find_creator
from storage.database import Connection
from storage.errors import NotFound
from storage.works import listings
from storage.works.listings import AnalysisFilter, ListedAnalysis, Whose, WorkFilter

router = APIRouter(route_class=BoundedRoute, prefix="/v1")
Limit = Annotated[int, Query(ge=1, le=200)]
NextCursor = Annotated[
    str | None, Field(description="Send it as `cursor` to go on; null at the end.")
]
Hash32 = Annotated[str, Query(pattern="^(0x)?[0-9a-fA-F]{64}$", description="32 bytes as hex.")]
Verdict = Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]
Status = Literal["queued", "running", "decided", "failed"]


class WorkPage(BaseModel):
    """Works, the newest first."""

    works: list[WorkView]
    next_cursor: NextCursor


class AnalysisSummary(BaseModel):
    """An analysis in a list; `links.self` has all of it."""

    analysis_id: UUID
    status: Status
    verdict: Verdict | None
    reason: str | None
    similarity_bps: int | None
    redirect_bps: int | None
    base_redirect_bps: int
    work_id: UUID | None
    post_id: str
    media_type: MediaType
    creator: str | None
    external_id: str | None
    request_id: str | None = Field(
        description="Of a contract's request, or of the attestation of an upload."
    )
    transaction: str | None
    created_at: datetime
    decided_at: datetime | None
    links: dict[str, str]


class AnalysisPage(BaseModel):
    """Analyses, the newest first."""

    analyses: list[AnalysisSummary]
    next_cursor: NextCursor


class ListedCreator(BaseModel):
    """A creator in a list; `links.self` has their money and posts."""

    creator: str
    account: str = Field(description="The address that is paid: a wallet, or an escrow account.")
    works: int
    registered_at: datetime
    links: dict[str, str]


class CreatorPage(BaseModel):
    """Creators in the order of their names."""

    creators: list[ListedCreator]
    next_cursor: NextCursor


@router.get("/works", tags=["works"], summary="Works, the newest first")
def list_works(
    services: ServicesDep,
    caller: Reader,
    creator: str | None = None,
    external_id: ExternalId | None = None,
    post_id: PostId | None = None,
    sha256: Hash32 | None = None,
    media_type: MediaType | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> WorkPage:
    with services.db.transaction() as conn:
        wanted = WorkFilter(
            creator_id=_creator(conn, caller, creator),
            external_id=external_id,
            post_id=_bytes(post_id),
            sha256=_bytes(sha256),
            media_type=media_type,
        )
        listed = listings.list_works(
            conn, whose(caller), wanted, before=read_cursor(cursor, UUID), limit=limit + 1
        )
    last = listed[limit - 1] if len(listed) > limit else None
    return WorkPage(
        works=[work_view(work) for work in listed[:limit]],
        next_cursor=write_cursor(last.registered_at, last.id) if last else None,
    )


@router.get(
    "/analyses",
    tags=["analyses"],
    summary="Analyses, the newest first; one by its request, post, transaction or your own id",
)
def list_analyses(
    services: ServicesDep,
    caller: Reader,
    creator: str | None = None,
    external_id: ExternalId | None = None,
    post_id: PostId | None = None,
    request_id: Hash32 | None = None,
    transaction: Hash32 | None = None,
    work_id: UUID | None = None,
    media_type: MediaType | None = None,
    status: Status | None = None,
    verdict: Verdict | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> AnalysisPage:
    with services.db.transaction() as conn:
        wanted = AnalysisFilter(
            creator_id=_creator(conn, caller, creator),
            external_id=external_id,
            post_id=_bytes(post_id),
            request_id=_bytes(request_id),
            tx_hash=_bytes(transaction),
            work_id=work_id,
            media_type=media_type,
            status=status,
            verdict=verdict,
        )
        listed = listings.list_analyses(
            conn, whose(caller), wanted, before=read_cursor(cursor, UUID), limit=limit + 1
        )
    last = listed[limit - 1] if len(listed) > limit else None
    return AnalysisPage(
        analyses=[_summary(analysis) for analysis in listed[:limit]],
        next_cursor=write_cursor(last.created_at, last.id) if last else None,
    )


@router.get("/creators", tags=["creators"], summary="Creators in the order of their names")
def list_creators(
    services: ServicesDep,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
) -> CreatorPage:
    with services.db.transaction() as conn:
        rows = listings.list_creators(conn, whose(caller), after=cursor, limit=limit + 1)
    return CreatorPage(
        creators=[
            ListedCreator(
                creator=handle,
                account="0x" + bytes(account).hex(),
                works=works,
                registered_at=since,
                links={"self": f"/v1/creators/{quote(handle)}"},
            )
            for handle, account, works, since in rows[:limit]
        ],
        next_cursor=rows[limit - 1][0] if len(rows) > limit else None,
    )


def whose(caller: Caller) -> Whose:
    """Return whose works a caller may list.

    A creator's own; a platform's own; for the operator, reviewers, and without keys, all.
    """
    if caller.creator_id is not None:
        return Whose(creator_id=caller.creator_id)
    everybody = caller.key_id is None or caller.may("govern") or caller.may("fraud")
    return Whose() if everybody else Whose(poster=caller.poster)


def _creator(conn: Connection, caller: Caller, name: str | None) -> int | None:
    """Return the number of a creator that is asked for. Raises: NotFound."""
    if name is None:
        return None
    number = find_creator(conn, name)
    if number is None or not caller.may_see(number):
        raise NotFound(f"There is no creator {name}.")
    return number


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text.removeprefix("0x"))


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + bytes(value).hex()


def _summary(analysis: ListedAnalysis) -> AnalysisSummary:
    own = f"/v1/analyses/{analysis.id}"
    shown = vars(analysis) | {
        "analysis_id": analysis.id,
        "post_id": _hex(analysis.post_id),
        "request_id": _hex(analysis.request_id),
        "transaction": _hex(analysis.tx_hash),
        "links": {"self": own, "page": f"/analyses/{analysis.id}"},
    }
    return AnalysisSummary.model_validate(shown)
