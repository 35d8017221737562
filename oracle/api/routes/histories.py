"""Signed histories of creators: to take along, and those of other installations."""

import json
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from oracle.api.access import Reader
from oracle.api.boundary import BoundedRoute, takes
from oracle.api.parties import actor_of, check_own_key
from oracle.api.routes.analyses import DOCUMENT
from oracle.api.routes.creators import load_creator
from oracle.api.services import ServicesDep
from oracle.chain.core.ids import parse_account
from oracle.errors import ConfigurationError, KeyRequired, NotAllowed
from oracle.originality.naming import find_creator
from oracle.payouts import history
from oracle.settings import HistorySettings
from storage import histories
from storage.database import Connection
from storage.errors import NotFound
from storage.works import creators

MAX_BYTES = 8 * 2**20

router = APIRouter(route_class=BoundedRoute, tags=["creators"])


class ImportRequest(BaseModel):
    """A history that another installation signed."""

    history: dict[str, Any] = Field(description="As that installation gave it, signature included.")
    creator: str | None = Field(
        None,
        max_length=256,
        description="Whose it is here, for the scope `govern`; a creator's key imports its own.",
    )


class ImportedView(BaseModel):
    """What another installation says of a creator. It decides nothing here."""

    issuer: str
    name: str = Field(description="What the operator calls that installation.")
    issued_at: datetime
    imported_at: datetime
    posts: int
    verdicts: dict[str, int] = Field(description="Posts by verdict.")
    grades: dict[str, int] = Field(description="Posts by grade.")
    bonus: int = Field(description="In hundredths of `currency`.")
    currency: str


@router.get(
    "/v1/creators/{creator}/history",
    responses=DOCUMENT,
    summary="A creator's posts, grades and bonuses, signed",
)
def get_history(services: ServicesDep, caller: Reader, creator: str) -> Response:
    settings = services.settings
    key = settings.history.key
    signer = history.signer_of(settings.data_dir, key.get_secret_value() if key else None)
    with services.db.transaction() as conn:
        owner = load_creator(conn, caller, creator)
        signed = history.issue(conn, owner.creator_id, signer, datetime.now(UTC))
    return Response(
        json.dumps(signed, indent=1, ensure_ascii=False),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="history.json"'},
    )


@router.post(
    "/v1/histories", status_code=201, summary="Import a history that another installation signed"
)
@takes(body=MAX_BYTES)
def import_history(services: ServicesDep, caller: Reader, body: ImportRequest) -> ImportedView:
    """A creator's own key needs a wallet that the history names as theirs, too."""
    trusted = trusted_issuers(services.settings.history)
    found = history.verify(body.history, trusted.keys())
    with services.db.transaction() as conn:
        if caller.creator_id is not None:
            check_own_key(caller)
            creator_id = caller.creator_id
            wallets = {
                row.account for row in creators.accounts_of(conn, creator_id) if row.name is None
            }
            if not wallets & set(found.accounts):
                raise NotAllowed(
                    "The history names no wallet of yours here, so it may be somebody else's. Link"
                    " the wallet, or ask the operator. Nothing was imported."
                )
        elif caller.may("govern"):
            if body.creator is None:
                raise NotAllowed("This key acts for everybody: name the creator.")
            known = find_creator(conn, body.creator)
            if known is None:
                raise NotFound(f"There is no creator {body.creator}; nothing was imported.")
            creator_id = known
        else:
            raise KeyRequired
        history.import_for(conn, creator_id, found, actor_of(caller))
        return next(
            view
            for view in imported(conn, creator_id, trusted)
            if view.issuer == _hex(found.issuer)
        )


def imported(conn: Connection, creator_id: int, trusted: dict[bytes, str]) -> list[ImportedView]:
    """Return what installations that are still trusted say of a creator."""
    return [
        _view(one, trusted[one.issuer])
        for one in histories.list_of(conn, creator_id)
        if one.issuer in trusted
    ]


def trusted_issuers(settings: HistorySettings) -> dict[bytes, str]:
    """Return the installations that are believed, by address. Raises: ConfigurationError."""
    found = {}
    for address, name in settings.trusted.items():
        account = parse_account(address)
        if account is None:
            raise ConfigurationError(f"ORACLE_HISTORY__TRUSTED: {address!r} is no address.")
        found[account] = name
    return found


def _view(one: histories.Imported, name: str) -> ImportedView:
    posts = [post for post in one.document["posts"] if isinstance(post, dict)]

    def count(field: str) -> dict[str, int]:
        values = [str(post[field]) for post in posts if post.get(field)]
        return {value: values.count(value) for value in sorted(set(values))}

    return ImportedView(
        issuer=_hex(one.issuer),
        name=name,
        issued_at=one.issued_at,
        imported_at=one.imported_at,
        posts=len(posts),
        verdicts=count("verdict"),
        grades=count("grade"),
        bonus=sum(post["bonus"] for post in posts if isinstance(post.get("bonus"), int)),
        currency=str(one.document.get("currency", "")),
    )


def _hex(account: bytes) -> str:
    return "0x" + bytes(account).hex()
