"""API keys: made, listed and revoked by who has the scope `admin`."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from oracle.api.access import Admin, Scope
from oracle.api.boundary import BoundedRoute
from oracle.api.services import ServicesDep
from oracle.errors import NotAllowed
from oracle.originality.naming import ensure_creator
from storage import api_keys
from storage.api_keys import ApiKey

router = APIRouter(route_class=BoundedRoute, prefix="/v1/keys", tags=["access"])

Namespace = Annotated[str, Field(pattern="^0x([0-9a-fA-F]{64}|[0-9a-fA-F]{40})$")]


# One part of a path, as DELETE has it.
SEGMENT = r"^(\.{0,2}[^./][^/]*|\.{3}[^/]*)$"


class NewKey(BaseModel):
    """A key to be made."""

    name: str = Field(
        max_length=64,
        pattern=SEGMENT,
        description="Who holds it; in audit logs. Without '/', and not '.' or '..'.",
    )
    scopes: list[Scope] = Field(min_length=1)
    person: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Whose it is, where several keys are one person's; the name if left out. What"
        " that person has a stake in, none of the keys decides.",
    )
    creator: str | None = Field(None, max_length=256, description="The one whom it acts for.")
    platform: Namespace | None = Field(
        None, description="Where it names posts on chain: a platform's id, or a contract."
    )
    per_minute: int = Field(600, ge=1, le=1_000_000, description="Requests a minute.")


class KeyView(BaseModel):
    """A key in use."""

    name: str
    scopes: list[str]
    creator: str | None
    platform: str | None
    per_minute: int


class SecretView(KeyView):
    """A key that was just made."""

    secret: str = Field(description="Shown here and never again.")


@router.get("", summary="All keys in use, by name")
def list_keys(services: ServicesDep, _: Admin) -> list[KeyView]:
    with services.db.transaction() as conn:
        return [_view(key) for key in api_keys.list_active(conn)]


@router.post("", status_code=201, summary="Make a key; its secret is shown once")
def make_key(services: ServicesDep, _: Admin, body: NewKey) -> SecretView:
    if body.platform is not None and body.creator is not None:
        raise NotAllowed("A creator's key names no posts of a platform.")
    namespace = bytes.fromhex(body.platform[2:]) if body.platform else None
    with services.db.transaction() as conn:
        creator_id = ensure_creator(conn, body.creator) if body.creator else None
        secret = api_keys.issue(
            conn,
            body.name,
            body.scopes,
            person=body.person,
            creator_id=creator_id,
            namespace=namespace,
            per_minute=body.per_minute,
        )
        key = api_keys.find(conn, secret)
    assert key is not None
    return SecretView(**_view(key).model_dump(), secret=secret)


@router.delete("/{name}", status_code=204, summary="Revoke a key, and every session of it, at once")
def revoke_key(services: ServicesDep, _: Admin, name: str) -> None:
    with services.db.transaction() as conn:
        api_keys.revoke(conn, name)


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        name=key.name,
        scopes=sorted(key.scopes),
        creator=key.creator,
        platform=f"0x{key.namespace.hex()}" if key.namespace else None,
        per_minute=key.per_minute,
    )
