"""The dashboard of a creator and of one post."""

from typing import Literal, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.analysis import may_appeal_verdict
from oracle.api.pages.charts import money_bar, week_chart
from oracle.api.pages.rendering import show
from oracle.api.routes.analyses import load_view
from oracle.api.routes.creators import (
    PAGE,
    WEEKS_SHOWN,
    PostVerdict,
    Title,
    creator_view,
    load_creator,
    post_detail,
    post_page,
)
from oracle.api.routes.histories import imported, trusted_issuers
from oracle.api.routes.names import Name, get_name
from oracle.api.schemas.creators import ContributionView, GradeView
from oracle.api.services import ServicesDep
from oracle.engagement.events import PostId
from oracle.originality.naming import find_creator
from storage import visits
from storage.cases import appeals
from storage.chain import receipts
from storage.ledger import ledger
from storage.ledger.posts import PostFilter, PostOrder
from storage.works import analyses

NEWS = 10  # of what is new since the last visit
ORDERS = {
    "newest": "newest first",
    "earned": "most earned",
    "views": "most views",
    "grade": "best grade",
}
assert tuple(ORDERS) == get_args(PostOrder)

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/creators/{creator}", response_class=HTMLResponse)
def show_creator(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    cursor: str | None = None,
    title: Title | None = None,
    verdict: PostVerdict | Literal[""] | None = None,
    order: PostOrder = "newest",
) -> str:
    wanted = PostFilter(title=title or None, verdict=verdict or None)
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        view = creator_view(conn, owner, services.payout_asset)
        posts = post_page(conn, owner, cursor, PAGE, wanted, order)
        disputes = appeals.page(conn, creator_id=owner.creator_id, status="open")
        since = news = None
        if caller.creator_id == owner.creator_id:
            since = visits.note(conn, owner.creator_id, owner.now)
            news = visits.changes(conn, owner.creator_id, since, NEWS) if since else []
    return show(
        "creator.html",
        caller,
        view=view,
        page=posts,
        first_page=cursor is None,
        wanted=wanted,
        verdicts=get_args(PostVerdict),
        order=order,
        orders=ORDERS,
        since=since,
        news=news,
        disputes=disputes,
        chart=week_chart(view.weeks, ledger.week_of(owner.now), WEEKS_SHOWN),
        bar=money_bar(view.totals),
    )


@router.get("/creators/{creator}/posts/{post_id}", response_class=HTMLResponse)
def show_post(services: ServicesDep, caller: Reader, creator: str, post_id: PostId) -> str:
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        found = bytes.fromhex(post_id[2:])
        post = post_detail(conn, owner, found)
        analysis_id = analyses.find_newest(conn, found)
        may_appeal = receipt = False
        if analysis_id is not None:
            analysis = analyses.get(conn, analysis_id)
            last = appeals.find_of_analysis(conn, analysis_id)
            may_appeal = may_appeal_verdict(conn, caller, analysis, last)
            receipt = receipts.find(conn, analysis_id) is not None
    return show(
        "creator_post.html",
        caller,
        creator=owner.handle,
        post=post,
        analysis_id=analysis_id,
        verdicts=load_view(services.db, analysis_id).verdicts if analysis_id else [],
        may_appeal=may_appeal,
        receipt=receipt,
        best=_would_move(post.grading) if post.grading else None,
    )


def _would_move(grading: GradeView) -> ContributionView | None:
    """The part of the grade that would move it most: whose missing share weighs most."""
    open_parts = [part for part in grading.contributions if part.rank_bps < 10_000]
    return max(
        open_parts, key=lambda part: part.weight_bps * (10_000 - part.rank_bps), default=None
    )


@router.get("/profiles/{name}", response_class=HTMLResponse)
def show_profile(services: ServicesDep, caller: Reader, name: Name) -> str:
    """Show what is public of a creator: accounts, wallets, who vouches, and history elsewhere."""
    trusted = trusted_issuers(services.settings.history)
    with services.db.transaction() as conn:
        creator_id = find_creator(conn, name)
        elsewhere = imported(conn, creator_id, trusted) if creator_id is not None else []
    profile = get_name(services, caller, name)
    return show("profile.html", caller, profile=profile, elsewhere=elsewhere)
