"""What clients state about a work, and requests whose fields have to be exactly those known."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Form, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from oracle.api.access import Caller
from oracle.engagement.events import PostId
from oracle.errors import NotAllowed, UnexpectedField
from oracle.originality.intake import PostName
from storage.works.facts import StatedFacts

WRITABLE = r"^[^\x00-\x1f\x7f]+$"
CLOCK_SKEW = timedelta(minutes=5)


class _Pairs(list[tuple[str, object]]):
    """An object of JSON with its repeated names."""


def _not_ahead(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + CLOCK_SKEW:
        raise ValueError("it is in the future; check the sender's clock")
    return moment


Title = Annotated[str, Field(min_length=1, max_length=200, pattern=WRITABLE)]
Category = Annotated[str, Field(min_length=1, max_length=64, pattern=WRITABLE)]
ExternalId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=WRITABLE,
        description="Your own id of the work; the same id with the same bytes gets the first"
        " answer.",
    ),
]
Audience = Annotated[
    int, Field(ge=0, le=2_000_000_000, description="The creator's followers when it came out.")
]
Published = Annotated[
    AwareDatetime,
    AfterValidator(_not_ahead),
    Field(description="When it first came out, as you say: shown, and decides nothing."),
]
PlatformPost = Annotated[
    PostId,
    Field(
        description="The platform's own name of the post (32 bytes), in its key's name space; that"
        " post is attested on chain."
    ),
]


class Stated(BaseModel):
    """What a client states about a work."""

    model_config = ConfigDict(extra="forbid")

    post_id: PlatformPost | None = None
    external_id: ExternalId | None = None
    title: Title | None = None
    audience: Audience | None = None
    category: Category | None = None
    published_at: Published | None = None

    def facts(self, caller: Caller) -> StatedFacts:
        """Return what is stored with the work."""
        return StatedFacts(
            title=self.title,
            category=self.category,
            audience=self.audience,
            stated_published_at=self.published_at,
            external_id=self.external_id,
            posted_by=caller.poster,
        )

    def post(self, caller: Caller) -> PostName | None:
        """Return the platform's post. Raises: NotAllowed for a key without a name space."""
        if self.post_id is None:
            return None
        if caller.namespace is None:
            raise NotAllowed(
                f"The key {caller.name!r} has no name space, so it cannot name a post_id; `oracle"
                " keys add NAME --scope upload --platform 0x…` makes one that has. Nothing was"
                " kept."
            )
        return PostName(caller.namespace, bytes.fromhex(self.post_id[2:]))


def stated_in_form(
    post_id: Annotated[PlatformPost | None, Form()] = None,
    external_id: Annotated[ExternalId | None, Form()] = None,
    title: Annotated[Title | None, Form()] = None,
    audience: Annotated[Audience | None, Form()] = None,
    category: Annotated[Category | None, Form()] = None,
    published_at: Annotated[Published | None, Form()] = None,
) -> Stated:
    """Return what a form states."""
    return Stated.model_construct(
        post_id=post_id,
        external_id=external_id,
        title=title,
        audience=audience,
        category=category,
        published_at=published_at,
    )


def exactly(*known: str, hints: dict[str, str] | None = None) -> Callable[..., Awaitable[None]]:
    """Make a dependency that refuses fields which are not known, or came more than once.

    Args: hints: what to do instead, by field.
    Raises: UnexpectedField, by the field's name.
    """

    async def check(request: Request) -> None:
        if request.headers.get("content-type", "").startswith("application/json"):
            body = json.loads(await request.body(), object_pairs_hook=_Pairs)
            names = [name for name, _ in body] if isinstance(body, _Pairs) else []
        else:
            names = [name for name, _ in (await request.form()).multi_items()]
        for name, times in Counter(names).items():
            if name not in known:
                raise UnexpectedField(
                    f"There is no field {name[:64]!r} here; the fields are {', '.join(known)}."
                    f" {(hints or {}).get(name, 'Nothing was kept.')}"
                )
            if times > 1:
                raise UnexpectedField(
                    f"The field {name!r} came {times} times; send it once. Nothing was kept."
                )

    return check
