"""The page of API keys."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import SCOPES, Admin
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.routes import keys
from oracle.api.routes.keys import NewKey
from oracle.api.services import ServicesDep

SCOPES_EXPLAINED = {
    "upload": "post media and report engagement",
    "read": "read verdicts and evidence; a creator's own also money and notices, appeals, licences",
    "platform": "sign creators in by a link",
    "history": "claim since when works that it posted were published",
    "fraud": "review alerts, appeals and claims",
    "catalogue": "enter sources that nobody here owns, and end them",
    "govern": "set grading rules and fraud thresholds, record licences",
    "admin": "everything, keys and payouts included",
}
assert tuple(SCOPES_EXPLAINED) == SCOPES

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)


@router.get("/keys", response_class=HTMLResponse)
def keys_page(services: ServicesDep, caller: Admin) -> str:
    return show(
        "keys.html",
        caller,
        keys=keys.list_keys(services, caller),
        scopes=SCOPES_EXPLAINED,
        made=None,
    )


@router.post("/keys", response_class=HTMLResponse)
def make_form(
    services: ServicesDep,
    caller: Admin,
    name: Annotated[str, Form(min_length=1, max_length=64)],
    scopes: Annotated[list[str], Form(min_length=1)],
    creator: Annotated[str, Form(max_length=256)] = "",
    person: Annotated[str, Form(max_length=64)] = "",
) -> str:
    """Answer with a page and not a redirect: the secret is shown this once."""
    wanted = NewKey.model_validate(
        {"name": name, "scopes": scopes, "creator": creator or None, "person": person or None}
    )
    made = keys.make_key(services, caller, wanted)
    return show(
        "keys.html",
        caller,
        keys=keys.list_keys(services, caller),
        scopes=SCOPES_EXPLAINED,
        made=made,
    )


@router.post("/keys/{name}/revoke")
def revoke_form(services: ServicesDep, caller: Admin, name: str) -> RedirectResponse:
    keys.revoke_key(services, caller, name)
    return RedirectResponse("/keys", status_code=303)
