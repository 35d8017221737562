"""Webhooks of platforms: registering, rotating, trying, and what became of each delivery."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from oracle.api.access import Caller, Platform
from oracle.api.boundary import BoundedRoute
from oracle.api.cursors import read_cursor, write_cursor
from oracle.api.schemas.appeals import WebhookSecret
from oracle.api.schemas.fraud import Body
from oracle.api.services import ServicesDep
from oracle.errors import Conflict
from oracle.notices import endpoints as platform_hooks
from storage.cases import endpoints
from storage.cases.endpoints import Delivery, Endpoint

MAX_OF_ONE = 10
router = APIRouter(route_class=BoundedRoute, prefix="/v1/webhooks", tags=["webhooks"])
Event = Literal[
    "analysis.decided",
    "analysis.changed",
    "work.matched",
    "alert.opened",
    "alert.resolved",
    "appeal.filed",
    "appeal.decided",
    "payout.paid",
    "payout.failed",
]
DeliveryStatus = Literal["pending", "delivered", "failed"]


class NewEndpoint(Body):
    """Where events go."""

    url: str = Field(max_length=2000, examples=["https://platform.example/hooks"])
    events: list[Event] = Field(min_length=1, max_length=20, examples=[["analysis.decided"]])


class EndpointView(BaseModel):
    """Where events go, and how that went lately."""

    id: UUID
    url: str
    events: list[str]
    created_at: datetime
    failures: int = Field(description="Since the last delivery that arrived.")
    failing_since: datetime | None
    disabled_at: datetime | None = Field(description="It gets nothing from then on.")
    disabled_because: str | None


class RegisteredEndpoint(EndpointView, WebhookSecret):
    """A new endpoint; its secret is shown once."""


class EndpointList(BaseModel):
    """Endpoints, the oldest first."""

    webhooks: list[EndpointView]


class DeliveryView(BaseModel):
    """An event, and whether it arrived. `id` is its `webhook-id`, also when it is sent again."""

    id: UUID
    event: str
    data: dict[str, Any]
    created_at: datetime
    status: DeliveryStatus
    tries: int
    delivered_at: datetime | None
    last_error: str | None


class DeliveryPage(BaseModel):
    """Deliveries, the newest first."""

    deliveries: list[DeliveryView]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")


class QueuedDelivery(BaseModel):
    """An event that is on its way."""

    delivery_id: UUID


@router.post("", status_code=201, summary="Register where events go; the secret is shown once")
def register_webhook(
    services: ServicesDep, caller: Platform, body: NewEndpoint
) -> RegisteredEndpoint:
    with services.db.transaction() as conn:
        if len(endpoints.list_of(conn, _owner(caller))) >= MAX_OF_ONE:
            raise Conflict(f"There are {MAX_OF_ONE} webhooks already; remove one first.")
        endpoint = platform_hooks.register(
            conn,
            owner=_owner(caller),
            url=body.url,
            events=sorted(set(body.events)),
            allow_private=services.settings.fetch.allow_private,
        )
    return RegisteredEndpoint(**_shown(endpoint), secret=endpoint.secret)


@router.get("", summary="Where events go, and how that went lately")
def list_webhooks(services: ServicesDep, caller: Platform) -> EndpointList:
    with services.db.transaction() as conn:
        listed = endpoints.list_of(conn, _owner(caller))
    return EndpointList(webhooks=[EndpointView(**_shown(each)) for each in listed])


@router.delete("/{webhook_id}", status_code=204, summary="Remove one, with its log")
def remove_webhook(services: ServicesDep, caller: Platform, webhook_id: UUID) -> None:
    with services.db.transaction() as conn:
        endpoints.remove(conn, endpoints.get(conn, webhook_id, _owner(caller)).id)


@router.post(
    "/{webhook_id}/rotate", summary="Give it another secret; the one of before signs too for a day"
)
def rotate_webhook(services: ServicesDep, caller: Platform, webhook_id: UUID) -> WebhookSecret:
    with services.db.transaction() as conn:
        number = endpoints.get(conn, webhook_id, _owner(caller)).id
        return WebhookSecret(secret=platform_hooks.rotate(conn, number, datetime.now(UTC)))


@router.post("/{webhook_id}/enable", summary="Switch one on again that was switched off")
def enable_webhook(services: ServicesDep, caller: Platform, webhook_id: UUID) -> EndpointView:
    with services.db.transaction() as conn:
        number = endpoints.get(conn, webhook_id, _owner(caller)).id
        endpoints.enable(conn, number)
        return EndpointView(**_shown(endpoints.get(conn, number, _owner(caller))))


@router.post("/{webhook_id}/test", status_code=202, summary="Send an event that tells nothing")
def send_test(services: ServicesDep, caller: Platform, webhook_id: UUID) -> QueuedDelivery:
    with services.db.transaction() as conn:
        endpoint = endpoints.get(conn, webhook_id, _owner(caller))
        _check_on(endpoint)
        queued = endpoints.queue(conn, endpoint.id, platform_hooks.TEST, {"by": caller.name})
    return QueuedDelivery(delivery_id=queued)


@router.get("/{webhook_id}/deliveries", summary="What was sent, and whether it arrived")
def list_deliveries(
    services: ServicesDep,
    caller: Platform,
    webhook_id: UUID,
    status: DeliveryStatus | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryPage:
    with services.db.transaction() as conn:
        number = endpoints.get(conn, webhook_id, _owner(caller)).id
        before = read_cursor(cursor, UUID)
        listed = endpoints.page(conn, number, status=status, before=before, limit=limit + 1)
    last = listed[limit - 1] if len(listed) > limit else None
    return DeliveryPage(
        deliveries=_deliveries(listed[:limit]),
        next_cursor=write_cursor(last.created_at, last.id) if last else None,
    )


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    summary="Send an event again, under the id that it had",
)
def replay_delivery(
    services: ServicesDep, caller: Platform, webhook_id: UUID, delivery_id: UUID
) -> QueuedDelivery:
    with services.db.transaction() as conn:
        endpoint = endpoints.get(conn, webhook_id, _owner(caller))
        _check_on(endpoint)
        endpoints.replay(conn, endpoint.id, delivery_id)
    return QueuedDelivery(delivery_id=delivery_id)


def _owner(caller: Caller) -> str | None:
    """Return whose events a caller hears of: its own posts'; None for the operator: all."""
    return None if caller.key_id is None and caller.may("admin") else caller.poster


def _check_on(endpoint: Endpoint) -> None:
    """Raises: Conflict."""
    if endpoint.disabled_at is not None:
        raise Conflict(f"It is switched off: {endpoint.disabled_because} Enable it first.")


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in EndpointView.model_fields}


def _deliveries(listed: Sequence[Delivery]) -> list[DeliveryView]:
    return [
        DeliveryView(**{name: getattr(each, name) for name in DeliveryView.model_fields})
        for each in listed
    ]
