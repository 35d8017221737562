"""A creator's dashboard: money, posts, and how every cent came about; as JSON and CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, read_place, write_cursor
from oracle.api.schemas import creators as schemas
from oracle.api.schemas.creators import CreatorView, PostDetail, PostPage, PostView
from oracle.api.schemas.uploads import Category, ExternalId
from oracle.api.services import Services, ServicesDep
from oracle.engagement.events import PostId
from oracle.originality.naming import find_creator
from oracle.payouts.onchain import PayoutAsset
from oracle.payouts.statement import posts_csv, statement_csv
from storage.database import Connection
from storage.engagement import grades as engagement_grades
from storage.errors import NotFound
from storage.ledger import copies as ledger_copies
from storage.ledger import freezes as ledger_freezes
from storage.ledger import ledger
from storage.ledger import onchain as ledger_onchain
from storage.ledger import posts as ledger_posts
from storage.ledger import views as ledger_views
from storage.ledger import withdrawals as ledger_withdrawals
from storage.ledger.posts import ALL_POSTS, PostFilter, PostOrder
from storage.works import creators

WEEKS_SHOWN = 12
WITHDRAWALS_SHOWN = 10
PAGE = 25
SPOOLED_IN_MEMORY = 1 << 20  # bytes; what is longer goes through a file
CHUNK = 1 << 16

router = APIRouter(route_class=BoundedRoute, tags=["creators"])
Limit = Annotated[int, Query(ge=1, le=200)]
Title = Annotated[str, Query(max_length=200, description="Part of the title, in any case.")]
PostVerdict = Literal["original", "derivative", "self_duplicate", "licensed", "undecided"]


@dataclass(frozen=True)
class ShownCreator:
    """The creator that JSON and HTML show."""

    creator_id: int
    handle: str
    now: datetime


@router.get("/v1/creators/{creator}", summary="Money and posts of a creator")
def get_creator(services: ServicesDep, caller: Reader, creator: str) -> CreatorView:
    with services.db.transaction() as conn:
        return creator_view(conn, load_creator(conn, caller, creator), services.payout_asset)


@router.get(
    "/v1/creators/{creator}/posts", summary="Posts with grade, verdict and money, the newest first"
)
def list_posts(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    cursor: str | None = None,
    limit: Limit = PAGE,
    category: Category | None = None,
    external_id: ExternalId | None = None,
    title: Title | None = None,
    verdict: PostVerdict | None = None,
    order: PostOrder = "newest",
) -> PostPage:
    """By the grade means by its score; a cursor belongs to the order that it was given in."""
    wanted = PostFilter(category, external_id, title, verdict)
    with services.db.transaction() as conn:
        return post_page(conn, load_creator(conn, caller, creator), cursor, limit, wanted, order)


@router.get(
    "/v1/creators/{creator}/posts.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="All posts that fit, with grade, verdict and money, as CSV",
)
def get_posts_csv(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    title: Title | None = None,
    verdict: PostVerdict | Literal[""] | None = None,
    order: PostOrder = "newest",
) -> StreamingResponse:
    wanted = PostFilter(title=title or None, verdict=verdict or None)
    spool = SpooledTemporaryFile(max_size=SPOOLED_IN_MEMORY)  # noqa: SIM115 - the response closes it
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        listed = ledger_posts.list_posts(
            conn, owner.creator_id, owner.now, after=None, limit=None, wanted=wanted, order=order
        )
    spool.writelines(row.encode() for row in posts_csv(post for _, post in listed))
    spool.seek(0)
    return _csv(spool, f"posts-{owner.now:%Y-%m-%d}.csv")


@router.get(
    "/v1/creators/{creator}/posts/{post_id}",
    summary="How a post's grade and every cent of it came about",
)
def get_post(services: ServicesDep, caller: Reader, creator: str, post_id: PostId) -> PostDetail:
    with services.db.transaction() as conn:
        return post_detail(conn, load_creator(conn, caller, creator), bytes.fromhex(post_id[2:]))


@router.get(
    "/v1/creators/{creator}/statement.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="Payout statement: every line of the ledger as CSV",
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
        owner = load_creator(conn, caller, creator)
    post = bytes.fromhex(post_id[2:]) if post_id else None
    return _csv(
        _spool_statement(services, owner.creator_id, since, until, post),
        f"statement-{owner.now:%Y-%m-%d}.csv",
    )


def load_creator(conn: Connection, caller: Caller, creator: str) -> ShownCreator:
    """Look up a creator. Raises: NotFound, also if the key belongs to another creator."""
    number = find_creator(conn, creator)
    if number is None or not caller.may_see(number):
        raise NotFound(f"There is no creator {creator}.")
    return ShownCreator(number, creators.get_creator(conn, number).handle, datetime.now(UTC))


def creator_view(conn: Connection, owner: ShownCreator, asset: PayoutAsset) -> CreatorView:
    since = ledger.week_of(owner.now) - timedelta(weeks=WEEKS_SHOWN - 1)
    unpaid = ledger_posts.list_unpaid(conn, owner.creator_id, owner.now)
    reach = ledger_posts.reach(conn, owner.creator_id)
    held = ledger_freezes.held_by_post(conn, owner.creator_id)
    path = f"/creators/{quote(owner.handle)}"
    return CreatorView(
        creator=owner.handle,
        accounts=[
            schemas.account_view(row) for row in creators.accounts_of(conn, owner.creator_id)
        ],
        as_of=owner.now,
        totals=schemas.totals_view(ledger_views.totals(conn, owner.creator_id)),
        weeks=[
            schemas.week_view(week) for week in ledger_views.weeks(conn, owner.creator_id, since)
        ],
        expected=sum(schemas.expected_view(post, week).net for post, week in unpaid),
        freezes=[
            schemas.freeze_view(row, held)
            for row in ledger_freezes.of_creator(conn, owner.creator_id, owner.now)
        ],
        fetched=ledger_withdrawals.withdrawn(conn, owner.creator_id, asset.token)
        // asset.units_per_cent,
        withdrawals=[
            schemas.withdrawal_view(row, asset)
            for row in ledger_withdrawals.of_creator(conn, owner.creator_id, WITHDRAWALS_SHOWN)
        ],
        copies=[
            schemas.copy_view(row) for row in ledger_copies.of_creator(conn, owner.creator_id, PAGE)
        ],
        stuck_on_chain=ledger_onchain.failed_minor(conn, owner.creator_id),
        posts=reach.posts,
        raw_views=reach.raw_views,
        qualified_views=reach.qualified_views,
        followers=reach.followers,
        followers_at=reach.followers_at,
        paid_since=reach.paid_since,
        links={
            "self": f"/v1{path}",
            "posts": f"/v1{path}/posts",
            "posts_csv": f"/v1{path}/posts.csv",
            "statement": f"/v1{path}/statement.csv",
            "history": f"/v1{path}/history",
            "page": path,
        },
    )


def post_page(
    conn: Connection,
    owner: ShownCreator,
    cursor: str | None,
    limit: int,
    wanted: PostFilter = ALL_POSTS,
    order: PostOrder = "newest",
) -> PostPage:
    read = read_cursor if order == "newest" else read_place
    listed = ledger_posts.list_posts(
        conn,
        owner.creator_id,
        owner.now,
        after=read(cursor, bytes.fromhex),
        limit=limit + 1,
        wanted=wanted,
        order=order,
    )
    shown = listed[:limit]
    more = len(listed) > limit
    return PostPage(
        posts=[PostView(**schemas.post_fields(post, owner.handle)) for _, post in shown],
        next_cursor=write_cursor(shown[-1][0], shown[-1][1].post_id) if more else None,
    )


def post_detail(conn: Connection, owner: ShownCreator, post_id: bytes) -> PostDetail:
    post = ledger_posts.get_post(conn, post_id, owner.now)
    if post.creator_id != owner.creator_id:
        raise NotFound(f"{owner.handle} has no post 0x{post_id.hex()}.")
    grade = engagement_grades.find_grade(conn, post_id)
    policy = engagement_grades.get_policy(conn, grade.policy_version) if grade else None
    history = engagement_grades.grade_history(conn, post_id)
    freezes = ledger_freezes.of_creator(conn, owner.creator_id, owner.now)
    held = ledger_freezes.held_by_post(conn, owner.creator_id)
    return PostDetail(
        **schemas.post_fields(post, owner.handle),
        freezes=[
            schemas.freeze_view(freeze, held) for freeze in freezes if freeze.post_id == post_id
        ],
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
            for line in ledger_views.lines(conn, owner.creator_id, post_id=post_id)
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


def _csv(spool: IO[bytes], name: str) -> StreamingResponse:
    return StreamingResponse(
        _chunks(spool),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        while chunk := spool.read(CHUNK):
            yield chunk
