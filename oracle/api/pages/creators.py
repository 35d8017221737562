"""The dashboard of a creator and of one post."""

from typing import Literal, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.charts import money_bar, week_chart
from oracle.api.pages.rendering import show
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
from oracle.api.routes.names import Name, get_name
from oracle.api.services import ServicesDep
from oracle.engagement.events import PostId
from storage.cases import appeals
from storage.ledger import ledger
from storage.ledger.posts import PostFilter

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/creators/{creator}", response_class=HTMLResponse)
def show_creator(
    services: ServicesDep,
    caller: Reader,
    creator: str,
    cursor: str | None = None,
    title: Title | None = None,
    verdict: PostVerdict | Literal[""] | None = None,
) -> str:
    wanted = PostFilter(title=title or None, verdict=verdict or None)
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        view = creator_view(conn, owner, services.payout_asset)
        posts = post_page(conn, owner, cursor, PAGE, wanted)
        disputes = appeals.page(conn, creator_id=owner.creator_id, status="open")
    return show(
        "creator.html",
        caller,
        view=view,
        page=posts,
        first_page=cursor is None,
        wanted=wanted,
        verdicts=get_args(PostVerdict),
        disputes=disputes,
        chart=week_chart(view.weeks, ledger.week_of(owner.now), WEEKS_SHOWN),
        bar=money_bar(view.totals),
    )


@router.get("/creators/{creator}/posts/{post_id}", response_class=HTMLResponse)
def show_post(services: ServicesDep, caller: Reader, creator: str, post_id: PostId) -> str:
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        post = post_detail(conn, owner, bytes.fromhex(post_id[2:]))
    return show("creator_post.html", caller, creator=owner.handle, post=post)


@router.get("/profiles/{name}", response_class=HTMLResponse)
def show_profile(services: ServicesDep, caller: Reader, name: Name) -> str:
    """Show what is public of a creator: accounts, wallets, and who vouches for the name."""
    return show("profile.html", caller, profile=get_name(services, caller, name))
