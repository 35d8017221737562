"""Webhooks: messages to creators' own servers, signed as Standard Webhooks, so that receivers can
check origin and age.

Source: https://www.standardwebhooks.com (v1, HMAC-SHA256 over "id.timestamp.body").
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpcore2
import httpx2
import structlog

from oracle.fetch.addresses import Resolver, resolve
from oracle.fetch.errors import FetchError
from oracle.fetch.http import parse
from oracle.fetch.network import CheckedBackend, Deadline
from oracle.metrics import WEBHOOKS
from oracle.notices.errors import InvalidWebhook
from storage.cases import messages
from storage.cases import webhooks as hooks
from storage.cases.messages import Message
from storage.cases.webhooks import Receiver, Shares
from storage.database import Connection, Database
from storage.errors import StorageError

log = structlog.get_logger()

SECRET_PREFIX = "whsec_"
TIMEOUT_S = 10.0
# Of one receiver at once, and how long it is its alone.
MESSAGES_A_TURN, TURN_S, LEASE = 20, 20.0, timedelta(minutes=2)
SLOTS, SHARES = 32, Shares(of_host=4, failing=8)
LOOK_EVERY_S = 0.5
# A message is tried so often and for so long; a receiver that fails rests for at most an hour.
TRIES, GIVE_UP_AFTER = 12, timedelta(days=2)
FIRST_RETRY = timedelta(seconds=10)
MAX_RETRY, MAX_REST = timedelta(hours=6), timedelta(hours=1)


def register(conn: Connection, creator_id: int, url: str, *, allow_private: bool = False) -> str:
    """Set where a creator's messages are sent. Returns: the secret to verify them, shown once.

    Raises: InvalidWebhook.
    """
    target, secret = parse_receiver(url, allow_private=allow_private), make_secret()
    hooks.set_webhook(conn, creator_id, url, target.netloc.decode().lower(), secret)
    return secret


def parse_receiver(url: str, *, allow_private: bool) -> httpx2.URL:
    """Return the parts of a receiver's URL. Raises: InvalidWebhook."""
    try:
        target = parse(url)
    except FetchError as exc:
        raise InvalidWebhook(str(exc)) from exc
    if target.scheme != "https" and not allow_private:
        raise InvalidWebhook("Messages about money are sent over https only.")
    return target


def make_secret() -> str:
    """Return a new secret to sign with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


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


class WebhookSender:
    """Delivers messages to many receivers at once, each in a turn of its own.

    A receiver that hangs takes one slot for its own turn: receivers of one host share few slots,
    and those that failed last time share few others, so that they never wait for each other. One
    that fails rests, for longer each time.
    """

    def __init__(
        self,
        db: Database,
        *,
        allow_private: bool = False,
        resolver: Resolver = resolve,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`timeout_s` bounds one delivery."""
        self._db = db
        self._allow_private = allow_private
        self._resolver = resolver
        self._timeout_s = timeout_s
        self._slots = ThreadPoolExecutor(SLOTS, "webhooks")
        self._turns: set[Future[int]] = set()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; then the turns that began end."""
        while not stop.is_set():
            try:
                self.begin_turns()
            except StorageError as exc:
                log.warning("webhooks.waiting", code=exc.code, error=str(exc))
            stop.wait(LOOK_EVERY_S)
        self._slots.shutdown(cancel_futures=True)

    def begin_turns(self) -> list[Future[int]]:
        """Begin a turn of each receiver that is due, as far as slots are free.

        Returns: their turns; the result of one is how many messages arrived.
        Raises: DatabaseUnavailable.
        """
        self._turns = {turn for turn in self._turns if not turn.done()}
        free = SLOTS - len(self._turns)
        if free == 0:
            return []
        with self._db.transaction() as conn:
            receivers = hooks.claim(conn, free, SHARES, LEASE)
        begun = [self._slots.submit(self._turn, receiver) for receiver in receivers]
        self._turns.update(begun)
        return begun

    def _turn(self, receiver: Receiver) -> int:
        """Send a receiver its messages, oldest first, until one fails or its time is over."""
        until, arrived, retry_after = time.monotonic() + TURN_S, 0, None
        failures = receiver.failures
        try:
            with self._db.transaction() as conn:
                waiting = messages.due(conn, receiver.creator_id, MESSAGES_A_TURN)
            for message in waiting:
                if time.monotonic() > until:
                    break
                error = self._post(message, receiver)
                WEBHOOKS.labels("delivered" if error is None else "failed").inc()
                self._note(receiver, message, error)
                if error is not None:
                    retry_after = min(FIRST_RETRY * 2 ** min(failures, 9), MAX_REST)
                    failures += 1
                    break
                arrived, failures = arrived + 1, 0
            with self._db.transaction() as conn:
                hooks.release(conn, receiver, failures, retry_after)
        except StorageError as exc:  # the claim ends by itself, and all is sent again then
            log.warning("webhooks.turn_lost", code=exc.code, error=str(exc))
        except Exception:
            log.exception("webhooks.turn_failed", creator_id=receiver.creator_id)
        return arrived

    def _note(self, receiver: Receiver, message: Message, error: str | None) -> None:
        now = datetime.now(UTC)
        with self._db.transaction() as conn:
            if error is None:
                messages.delivered(conn, message.id, now)
            else:
                last = message.tries + 1 >= TRIES
                delay = None if last else min(FIRST_RETRY * 3**message.tries, MAX_RETRY)
                messages.undelivered(conn, message.id, error, delay)
                messages.give_up(conn, receiver.creator_id, now - GIVE_UP_AFTER, error)
        log.info("webhook.sent", message_id=str(message.id), error=error)

    def _post(self, message: Message, receiver: Receiver) -> str | None:
        return deliver(
            receiver.url,
            str(message.id),
            payload(message),
            [receiver.secret],
            resolver=self._resolver,
            allow_private=self._allow_private,
            timeout_s=self._timeout_s,
        )


def deliver(
    url: str,
    name: str,
    body: bytes,
    signed_with: Sequence[str],
    *,
    resolver: Resolver,
    allow_private: bool,
    timeout_s: float,
) -> str | None:
    """Send one message, signed with each secret; redirects are not followed.

    Args: name: its id, the same whenever it is sent again.
    Returns: why it did not arrive, None if it did.
    """
    now_s = int(datetime.now(UTC).timestamp())
    signature = " ".join(sign(secret, name, now_s, body) for secret in signed_with)
    try:
        target = parse(url)
        headers: dict[bytes | str, bytes | str] = {
            b"Host": target.netloc,
            b"Content-Type": b"application/json",
            b"Connection": b"close",
            b"User-Agent": b"creativity-oracle/0.1 (+webhook)",
            b"webhook-id": name.encode(),
            b"webhook-timestamp": str(now_s).encode(),
            b"webhook-signature": signature.encode(),
        }
        address = httpcore2.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
        )
        backend = CheckedBackend(resolver, Deadline.after(timeout_s), allow_private=allow_private)
        with (
            httpcore2.ConnectionPool(
                httpx2.create_ssl_context(trust_env=False), network_backend=backend
            ) as pool,
            pool.stream("POST", address, headers=headers, content=body) as response,
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
