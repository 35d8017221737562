"""How a creator wants to be written to: language, time zone, e-mail."""

import zoneinfo
from email.headerregistry import Address
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.languages import LANGUAGES
from oracle.api.parties import check_own_key, own_creator
from oracle.api.services import ServicesDep
from storage import preferences
from storage.database import Connection

router = APIRouter(route_class=BoundedRoute, prefix="/v1/preferences", tags=["creators"])


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"use one of {', '.join(LANGUAGES)}")
    return code


def _time_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError("use a name such as Europe/Berlin")
    return name


def _address(text: str) -> str:
    try:
        Address(addr_spec=text)
    except Exception as exc:  # its parser raises what it happens to meet
        raise ValueError("This is no e-mail address.") from exc
    if not text.isascii():
        raise ValueError("Write the address in ASCII; of a domain there is such a form.")
    return text


class PreferencesView(BaseModel):
    """What a creator chose; null where nothing was chosen."""

    language: Annotated[str, AfterValidator(_language)] | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = Field(
        None, max_length=64, description="Of the IANA data base; UTC without one."
    )
    email: Annotated[str, AfterValidator(_address)] | None = Field(
        None,
        max_length=254,
        pattern=r"^[^@\s<>\",;:]+@[^@\s<>\",;:]+$",
        description="Notices are sent there as well, once the link in the mail that asks was"
        " followed; changed by the creator's own key alone.",
    )
    email_confirmed: bool = Field(
        default=False, description="Whether that link was followed; cannot be set."
    )


@router.get("", summary="The language, time zone and e-mail address of a creator")
def get_preferences(services: ServicesDep, caller: Reader) -> PreferencesView:
    with services.db.transaction() as conn:
        return _view(conn, own_creator(caller, None))


@router.put("", summary="Choose language, time zone and where notices are sent as well")
def put_preferences(
    services: ServicesDep, caller: Reader, body: PreferencesView
) -> PreferencesView:
    creator_id = own_creator(caller, None)
    with services.db.transaction() as conn:
        if body.email != preferences.get(conn, creator_id).email:
            check_own_key(caller)
        chosen = body.model_dump(exclude={"email_confirmed"})
        preferences.put(conn, creator_id, preferences.Preferences(**chosen))
        return _view(conn, creator_id)


def _view(conn: Connection, creator_id: int) -> PreferencesView:
    return PreferencesView(
        **vars(preferences.get(conn, creator_id)),
        email_confirmed=preferences.is_confirmed(conn, creator_id),
    )
