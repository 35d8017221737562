"""Webhooks: messages to creators' own servers, signed as Standard Webhooks, so that receivers can
check origin and age.

Source: https://www.standardwebhooks.com (v1, HMAC-SHA256 over "id.timestamp.body").
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from datetime import UTC, datetime, timedelta

import httpcore2
import httpx2
import structlog

from oracle.fetch.addresses import Resolver, resolve
from oracle.fetch.errors import FetchError
from oracle.fetch.http import parse
from oracle.fetch.network import CheckedBackend, Deadline
from oracle.notices.errors import InvalidWebhook
from storage.cases import messages
from storage.cases.messages import Delivery, Message
from storage.database import Connection, Database

log = structlog.get_logger()

SECRET_PREFIX = "whsec_"
TIMEOUT_S = 10.0
BUDGET_S = 20.0
TRIES = 12
FIRST_RETRY = timedelta(seconds=10)
MAX_RETRY = timedelta(hours=6)


def register(conn: Connection, creator_id: int, url: str, *, allow_private: bool = False) -> str:
    """Set where a creator's messages are sent. Returns: the secret to verify them, shown once.

    Raises: InvalidWebhook.
    """
    try:
        target = parse(url)
    except FetchError as exc:
        raise InvalidWebhook(str(exc)) from exc
    if target.scheme != "https" and not allow_private:
        raise InvalidWebhook("Messages about money are sent over https only.")
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    messages.set_webhook(conn, creator_id, url, secret)
    return secret


def sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the signature header: "v1," and base64 of HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def payload(message: Message) -> bytes:
    """Return the body to send: the notice and the facts it states, as canonical JSON."""
    document = {
        "type": f"creator.{message.kind}",
        "timestamp": message.created_at.astimezone(UTC).isoformat(),
        "data": {
            "message_id": str(message.id),
            "subject": message.subject,
            "body": message.body,
            "facts": dict(message.facts),
            "sha256": bytes(message.sha256).hex(),
            "alert_id": str(message.alert_id) if message.alert_id else None,
            "appeal_id": str(message.appeal_id) if message.appeal_id else None,
        },
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def deliver_pending(
    db: Database,
    *,
    allow_private: bool = False,
    resolver: Resolver = resolve,
    timeout_s: float = TIMEOUT_S,
    budget_s: float = BUDGET_S,
) -> int:
    """Send each waiting message once; failed deliveries are retried for about two days.

    Args:
        budget_s: No further message is started after this time, so slow servers do not delay the
            scheduler's other work.
    Returns: how many arrived. Raises: DatabaseUnavailable.
    """
    until = time.monotonic() + budget_s
    with db.transaction() as conn:
        waiting = messages.deliveries(conn)
    arrived = 0
    for delivery in waiting:
        if time.monotonic() > until:
            break  # the rest stays reserved for a minute, then any process may send it
        error = _post(delivery, allow_private=allow_private, resolver=resolver, timeout_s=timeout_s)
        now, message = datetime.now(UTC), delivery.message
        with db.transaction() as conn:
            if error is None:
                messages.delivered(conn, message.id, now)
                arrived += 1
            else:
                last = message.tries + 1 >= TRIES
                delay = None if last else min(FIRST_RETRY * 3**message.tries, MAX_RETRY)
                messages.undelivered(conn, message.id, error, delay)
        log.info("webhook.sent", message_id=str(message.id), error=error)
    return arrived


def _post(
    delivery: Delivery, *, allow_private: bool, resolver: Resolver, timeout_s: float
) -> str | None:
    """Send one message; redirects are not followed.

    Returns: why it did not arrive, None if it did.
    """
    body, name = payload(delivery.message), str(delivery.message.id)
    now_s = int(datetime.now(UTC).timestamp())
    try:
        target = parse(delivery.url)
        headers: dict[bytes | str, bytes | str] = {
            b"Host": target.netloc,
            b"Content-Type": b"application/json",
            b"Connection": b"close",
            b"User-Agent": b"creativity-oracle/0.1 (+webhook)",
            b"webhook-id": name.encode(),
            b"webhook-timestamp": str(now_s).encode(),
            b"webhook-signature": sign(delivery.secret, name, now_s, body).encode(),
        }
        url = httpcore2.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        backend = CheckedBackend(resolver, Deadline.after(timeout_s), allow_private=allow_private)
        with (
            httpcore2.ConnectionPool(
                httpx2.create_ssl_context(trust_env=False), network_backend=backend
            ) as pool,
            pool.stream("POST", url, headers=headers, content=body) as response,
        ):
            status = response.status
    except (
        FetchError,
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
    ) as exc:
        return str(exc) or type(exc).__name__
    return None if 200 <= status < 300 else f"The server answered with status {status}."
