"""Names of creators: whose they are, and the platforms that vouch for them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from oracle.api.access import Caller, Reader, Uploader
from oracle.api.boundary import BoundedRoute
from oracle.api.schemas.creators import AccountView, account_view
from oracle.api.schemas.wallets import LinkView, link_view
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from oracle.originality.naming import ensure_creator, find_creator
from storage.database import Connection
from storage.errors import NotFound
from storage.ledger import wallets
from storage.names import mixed_scripts
from storage.works import creators, permissions, vouchers
from storage.works.permissions import Licence

MAX_LICENCES = 100

router = APIRouter(route_class=BoundedRoute, prefix="/v1/names/{name}", tags=["creators"])
Name = Annotated[str, Path(max_length=256, description="In any spelling.")]


class VoucherView(BaseModel):
    """A platform that vouches for the name."""

    by: str = Field(description="Its name space on chain, or its key.")
    vouched_at: datetime


class NameView(BaseModel):
    """A registered name."""

    name: str
    accounts: list[AccountView]
    wallets: list[LinkView] = Field(description="Wallets that signed, or were named, for it.")
    vouchers: list[VoucherView]
    licences: list[Licence] = Field(description="What everybody may use, the latest first.")


@router.get("", summary="A name in any spelling: accounts, wallets, and who vouches for it")
def get_name(services: ServicesDep, _: Reader, name: Name) -> NameView:
    with services.db.transaction() as conn:
        creator_id = find_creator(conn, name)
        if creator_id is None:
            raise NotFound(f"Nobody is registered as {name}.")
        return _view(conn, creator_id)


@router.post("/vouchers", status_code=201, summary="Vouch for a name, as a platform")
def vouch(services: ServicesDep, caller: Uploader, name: Name) -> NameView:
    if not caller.is_platform:
        raise NotAllowed("A platform's key vouches for a name; a wallet does by POST /v1/wallets.")
    with services.db.transaction() as conn:
        known = find_creator(conn, name)
        found = vouchers.of_creator(conn, known) if known is not None else []
        free = known is None or _is_free(conn, known, caller.poster)
        theirs = _may_post(caller, found) if found else free
        if not theirs and not caller.may("admin"):
            raise NotAllowed(
                f"Others post as {name}, or it has a key or a wallet of its own; only the operator"
                " lets a platform vouch for it. Nothing was changed."
            )
        creator_id = known
        if creator_id is None:
            creator_id = ensure_creator(conn, name, vetted=_vouches_for_all(conn, caller, name))
        vouchers.add(conn, creator_id, caller.poster)
        return _view(conn, creator_id)


def check_may_post(conn: Connection, caller: Caller, name: str) -> None:
    """Check that a platform's key may post in a name that others vouch for. Raises: NotAllowed."""
    creator_id = find_creator(conn, name)
    found = vouchers.of_creator(conn, creator_id) if creator_id is not None else []
    if not _may_post(caller, found):
        raise NotAllowed(
            f"{found[0].poster} vouches for {name}; only they, the creator's own key and the"
            " operator post in that name. Nothing was kept."
        )


def check_may_sign_in(conn: Connection, poster: str, creator_id: int) -> None:
    """Check that a creator is this platform's: it vouches for the name, or it alone posted in it
    and nobody else stands behind it. Raises: NotAllowed.
    """
    found = vouchers.of_creator(conn, creator_id)
    theirs = (
        poster in {voucher.poster for voucher in found}
        if found
        else vouchers.posted_by_it(conn, creator_id, poster) and _is_free(conn, creator_id, poster)
    )
    if not theirs:
        raise NotAllowed(
            "A platform signs in whom it vouches for, or whose works it alone posted and who has no"
            " key and no wallet of their own. Nothing was changed; POST /v1/names/{name}/vouchers"
            " vouches."
        )


def _is_free(conn: Connection, creator_id: int, poster: str) -> bool:
    """Return whether nobody but this poster acts in a creator's name, the creator neither."""
    others = vouchers.posted_by_others(conn, creator_id, poster)
    return not others and not creators.acts_alone(conn, creator_id)


def _vouches_for_all(conn: Connection, caller: Caller, name: str) -> bool:
    """Return whether a caller may register a look-alike: the operator, or the platform that vouches
    for everybody whom the name is read as.
    """
    resembled = creators.find_resembling(conn, name)
    found = [vouchers.of_creator(conn, creator_id) for creator_id in resembled]
    theirs = all(rows and _may_post(caller, rows) for rows in found)
    return caller.may("admin") or bool(found and theirs and not mixed_scripts(name))


def _may_post(caller: Caller, found: list[vouchers.Voucher]) -> bool:
    return not found or caller.poster in {voucher.poster for voucher in found}


def _view(conn: Connection, creator_id: int) -> NameView:
    return NameView(
        name=creators.get_creator(conn, creator_id).handle,
        accounts=[account_view(row) for row in creators.accounts_of(conn, creator_id)],
        wallets=[link_view(row) for row in wallets.links_of(conn, creator_id)],
        vouchers=[
            VoucherView(by=row.poster, vouched_at=row.vouched_at)
            for row in vouchers.of_creator(conn, creator_id)
        ],
        licences=permissions.open_to_everybody(conn, creator_id, MAX_LICENCES),
    )
