"""Pages of governance and oversight; each act ends in a transaction of an officer's own wallet."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Caller, Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.routes import oversight as routes
from oracle.api.schemas.governance import ActionRequest, PolicyDryRun, PolicyDryRunView
from oracle.api.services import Services, ServicesDep
from oracle.chain.contracts.governance import SAFE_DELAY_S, Role
from oracle.chain.contracts.roles import DAY_S
from oracle.governance.actions import FieldNeeded

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

CHANGES = (
    ("image", "Threshold of pictures"),
    ("video", "Threshold of videos"),
    ("audio", "Threshold of sounds"),
    ("base", "Base redirect"),
)
Change = Annotated[Literal["image", "video", "audio", "base"], Form()]
Percent = Annotated[str, Form(pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,2})?)$")]
Moment = Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)?$")]
Address = Annotated[str, Form(pattern=r"^(0x[0-9a-fA-F]{40})?$")]
NOTHING = {"change": "", "percent": "", "effective_from": ""}


@router.get("/policies", response_class=HTMLResponse)
def policies_page(services: ServicesDep, caller: Reader) -> str:
    return _page(services, caller, NOTHING, None)


@router.post("/policies/dry-run", response_class=HTMLResponse)
def dry_run_form(
    services: ServicesDep,
    caller: Governor,
    change: Change,
    percent: Percent,
    effective_from: Moment = "",
) -> str:
    bps = round(float(percent) * 100)
    body = PolicyDryRun(
        threshold_bps={} if change == "base" else {change: bps},
        base_redirect_bps=bps if change == "base" else None,
    )
    wanted = {"change": change, "percent": percent, "effective_from": effective_from}
    return _page(services, caller, wanted, routes.try_policy(services, caller, body))


@router.post("/policies/propose")
def propose_form(
    services: ServicesDep,
    caller: Governor,
    change: Change,
    percent: Percent,
    effective_from: Moment = "",
    wallet: Address = "",
) -> RedirectResponse:
    bps = round(float(percent) * 100)
    body = ActionRequest(
        action="base_redirect" if change == "base" else "threshold",
        media_type=None if change == "base" else change,
        threshold_bps=None if change == "base" else bps,
        base_redirect_bps=bps if change == "base" else None,
        effective_from=_moment(effective_from) if effective_from else None,
        wallet=wallet or None,
    )
    prepared = routes.prepare_action(services, caller, body)
    return RedirectResponse(f"/transactions/{prepared.id}", status_code=303)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as exc:
        raise FieldNeeded(f"There is no such moment: {text}.") from exc


@router.get("/oversight", response_class=HTMLResponse)
def oversight_page(services: ServicesDep, caller: Reader) -> str:
    return show(
        "oversight.html",
        caller,
        view=routes.get_oversight(services, caller),
        roles=[role.name.lower() for role in Role],
        delays=[(role.name.lower(), days // DAY_S) for role, days in SAFE_DELAY_S.items()],
        may_govern=caller.may("govern"),
    )


@router.post("/oversight/transactions")
def action_form(
    services: ServicesDep,
    caller: Governor,
    action: Annotated[
        Literal[
            "pause",
            "unpause",
            "revoke_signer",
            "set_signers",
            "grant_role",
            "revoke_role",
            "execute",
            "cancel",
        ],
        Form(),
    ],
    operation: Annotated[str, Form(pattern=r"^(0x[0-9a-fA-F]{64})?$")] = "",
    contract: Annotated[str, Form(max_length=64)] = "",
    signer: Address = "",
    signers: Annotated[str, Form(pattern=r"^(\s*0x[0-9a-fA-F]{40}\s*)*$", max_length=5_000)] = "",
    quorum: Annotated[int | None, Form(ge=1, le=64)] = None,
    role: Annotated[str, Form(max_length=64)] = "",
    account: Address = "",
    delay_days: Annotated[
        str, Form(pattern=r"^([0-9]{1,2}|[12][0-9]{2}|3[0-5][0-9]|36[0-5])?$")
    ] = "",
    since_epoch: Annotated[str, Form(pattern=r"^([1-9][0-9]{0,15})?$")] = "",
    wallet: Address = "",
) -> RedirectResponse:
    body = ActionRequest(
        action=action,
        wallet=wallet or None,
        operation=operation or None,
        contract=contract or None,
        signer=signer or None,
        signers=signers.split() or None,
        quorum=quorum,
        role=role or None,
        account=account or None,
        delay_s=int(delay_days) * 86_400 if delay_days else None,
        since_epoch=int(since_epoch) if since_epoch else None,
    )
    prepared = routes.prepare_action(services, caller, body)
    return RedirectResponse(f"/transactions/{prepared.id}", status_code=303)


def _page(
    services: Services, caller: Caller, wanted: dict[str, str], run: PolicyDryRunView | None
) -> str:
    operations = routes.get_oversight(services, caller).operations
    return show(
        "policies.html",
        caller,
        versions=routes.list_versions(services, caller),
        announced=[
            one
            for one in operations
            if one.status in ("waiting", "ready") and one.does.startswith("PolicyRegistry.")
        ],
        changes=CHANGES,
        wanted=wanted,
        run=run,
        may_govern=caller.may("govern"),
    )
