"""A creator's dashboard: money, posts, and how every cent came about; as JSON and CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from oracle.api.access import Caller, Reader
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.schemas import creators as schemas
from oracle.api.schemas.creators import CreatorView, PostDetail, PostPage, PostView
from oracle.api.services import Services, ServicesDep
from oracle.engagement.events import PostId
from oracle.payouts.onchain import PayoutAsset
from oracle.payouts.statement import statement_csv
from storage.database import Connection
from storage.engagement import grades as engagement_grades
from storage.errors import NotFound
from storage.ledger import freezes as ledger_freezes
from storage.ledger import ledger
from storage.ledger import onchain as ledger_chain
from storage.ledger import posts as ledger_posts
from storage.ledger import views as ledger_views
from storage.ledger import withdrawals as ledger_withdrawals

WEEKS_SHOWN = 12
WITHDRAWALS_SHOWN = 10
PAGE = 25
SPOOLED_IN_MEMORY = 1 << 20  # bytes; what is longer goes through a file
CHUNK = 1 << 16

router = APIRouter(tags=["creators"])
Limit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True)
class Page:
    """The creator that JSON and HTML show."""

    creator_id: int
    handle: str
    now: datetime


@router.get("/api/creators/{creator}", summary="Money and posts of a creator")
def get_creator(services: ServicesDep, caller: Reader, creator: str) -> CreatorView:
    with services.db.transaction() as conn:
        return _creator_view(conn, _open(conn, caller, creator), services.payout_asset)


@router.get(
    "/api/creators/{creator}/posts", summary="Posts with grade, verdict and money, the newest first"
)
def list_posts(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    cursor: str | None = None,
    limit: Limit = PAGE,
) -> PostPage:
    with services.db.transaction() as conn:
        return _post_page(conn, _open(conn, caller, creator), cursor, limit)


@router.get(
    "/api/creators/{creator}/posts/{post_id}",
    summary="How a post's grade and every cent of it came about",
)
def get_post(services: ServicesDep, caller: Reader, creator: str, post_id: PostId) -> PostDetail:
    with services.db.transaction() as conn:
        return _post_detail(conn, _open(conn, caller, creator), bytes.fromhex(post_id[2:]))


@router.get(
    "/api/creators/{creator}/statement.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
    summary="Every line of the books as CSV",
)
def get_statement(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    post_id: PostId | None = None,
) -> StreamingResponse:
    with services.db.transaction() as conn:
        page = _open(conn, caller, creator)
    post = bytes.fromhex(post_id[2:]) if post_id else None
    name = f"statement-{page.now:%Y-%m-%d}.csv"
    return StreamingResponse(
        _chunks(_spool_statement(services, page.creator_id, since, until, post)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _open(conn: Connection, caller: Caller, creator: str) -> Page:
    """Look up a creator. Raises: NotFound, also if the key belongs to another creator."""
    number, handle = ledger_posts.get_creator(
        conn, creator.lower() if creator.startswith("0x") else creator
    )
    if not caller.may_see(number):
        raise NotFound(f"There is no creator {creator}.")
    return Page(number, handle, datetime.now(UTC))


def _creator_view(conn: Connection, page: Page, asset: PayoutAsset) -> CreatorView:
    since = ledger.week_of(page.now) - timedelta(weeks=WEEKS_SHOWN - 1)
    unpaid = ledger_posts.list_unpaid(conn, page.creator_id, page.now)
    reach = ledger_posts.reach(conn, page.creator_id)
    path = f"/api/creators/{page.handle}"
    return CreatorView(
        creator=page.handle,
        as_of=page.now,
        totals=schemas.totals_view(ledger_views.totals(conn, page.creator_id)),
        weeks=[
            schemas.week_view(week) for week in ledger_views.weeks(conn, page.creator_id, since)
        ],
        expected=sum(schemas.expected_view(post, week).net for post, week in unpaid),
        freezes=[
            schemas.freeze_view(found)
            for found in ledger_freezes.of_creator(conn, page.creator_id, page.now)
        ],
        fetched=ledger_withdrawals.withdrawn(conn, page.creator_id, asset.token)
        // asset.units_per_cent,
        withdrawals=[
            schemas.withdrawal_view(found, asset)
            for found in ledger_withdrawals.of_creator(conn, page.creator_id, WITHDRAWALS_SHOWN)
        ],
        stuck_on_chain=ledger_chain.stuck_minor(conn, page.creator_id),
        posts=reach.posts,
        raw_views=reach.raw_views,
        qualified_views=reach.qualified_views,
        links={
            "self": path,
            "posts": f"{path}/posts",
            "statement": f"{path}/statement.csv",
            "page": f"/creators/{page.handle}",
        },
    )


def _post_page(conn: Connection, page: Page, cursor: str | None, limit: int) -> PostPage:
    after = read_cursor(cursor, bytes.fromhex)
    found = ledger_posts.list_posts(conn, page.creator_id, page.now, after=after, limit=limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    return PostPage(
        posts=[PostView(**schemas.post_fields(post, page.handle)) for post in shown],
        next=write_cursor(shown[-1].published_at, shown[-1].post_id) if more else None,
    )


def _post_detail(conn: Connection, page: Page, post_id: bytes) -> PostDetail:
    post = ledger_posts.get_post(conn, post_id, page.now)
    if post.creator_id != page.creator_id:
        raise NotFound(f"{page.handle} has no post 0x{post_id.hex()}.")
    grade = engagement_grades.find_grade(conn, post_id)
    policy = engagement_grades.get_policy(conn, grade.policy_version) if grade else None
    history = engagement_grades.grade_history(conn, post_id)
    freezes = ledger_freezes.of_creator(conn, page.creator_id, page.now)
    return PostDetail(
        **schemas.post_fields(post, page.handle),
        freezes=[schemas.freeze_view(found) for found in freezes if found.post_id == post_id],
        grading=schemas.grade_view(grade, policy) if grade and policy else None,
        history=[
            schemas.GradeChange(at=at, grade=letter, status=status, score_bps=points, reason=reason)
            for at, letter, status, points, reason in history
        ],
        expected=[
            schemas.expected_view(post, week) for week in ledger_posts.unpaid_weeks(conn, post_id)
        ],
        booked=[
            schemas.booked_view(line)
            for line in ledger_views.lines(conn, page.creator_id, post_id=post_id)
        ],
    )


def _spool_statement(
    services: Services,
    creator_id: int,
    since: datetime | None,
    until: datetime | None,
    post_id: bytes | None,
) -> IO[bytes]:
    """Read all rows before sending any: a slow client must not occupy a database connection."""
    spool = SpooledTemporaryFile(max_size=SPOOLED_IN_MEMORY)  # noqa: SIM115 - the response closes it
    with services.db.transaction() as conn:
        lines = ledger_views.lines(conn, creator_id, since=since, until=until, post_id=post_id)
        spool.writelines(row.encode() for row in statement_csv(lines))
    spool.seek(0)
    return spool


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        while chunk := spool.read(CHUNK):
            yield chunk
