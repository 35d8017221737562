"""The certificate of a post and its badge, for everybody: neither names a person or shows media."""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from oracle.api.access import Anyone
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show, templates
from oracle.api.routes.analyses import load_view
from oracle.api.schemas.analyses import AnalysisView
from oracle.api.services import Services, ServicesDep
from oracle.engagement.events import PostId
from storage.chain import outbox
from storage.errors import NotFound
from storage.works import analyses

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

# Who embeds a badge shows what is in force: whoever keeps it must ask again whether it changed.
FRESH = {"Cache-Control": "no-cache"}


@router.get("/certificates/{post_id}", response_class=HTMLResponse)
def certificate(services: ServicesDep, caller: Anyone, post_id: PostId) -> HTMLResponse:
    view = _load(services, post_id)
    page = show(
        "certificate.html",
        caller,
        post_id=post_id,
        verdict=view.in_force,
        badge=view.badge,
        pending=view.pending is not None,
        media_type=view.work.media_type if view.work else None,
    )
    return HTMLResponse(page, headers=FRESH)


@router.get("/certificates/{post_id}/badge.svg")
def badge(services: ServicesDep, _: Anyone, post_id: PostId) -> Response:
    """Draw the badge to embed; where there is none (any more) it says no more than that."""
    drawn = templates.get_template("badge.svg").render(badge=_load(services, post_id).badge)
    return Response(drawn, media_type="image/svg+xml", headers=FRESH)


def _load(services: Services, post_id: str) -> AnalysisView:
    """Load what was attested last: a re-analysis that goes nowhere ends no certificate."""
    post = bytes.fromhex(post_id[2:])
    with services.db.transaction() as conn:
        attested = [a for a in outbox.of_post(conn, post) if a.status != "refused"]
        analysis_id = attested[-1].analysis_id if attested else analyses.find_newest(conn, post)
    if analysis_id is None:
        raise NotFound(f"No verdict on the post {post_id} is known here.")
    return load_view(services.db, analysis_id)
