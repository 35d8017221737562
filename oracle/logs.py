"""Structured events on standard error, without the secrets of the settings."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from asgi_correlation_id import correlation_id
from pydantic import BaseModel, SecretStr

from oracle.settings import Settings
from storage.database import password_of

# Shorter ones would take words out of every line, and protect nothing.
MIN_SECRET = 6
# Providers of chains put the key of an account into the path or the query.
MIN_PATH_SECRET = 16
HIDDEN = "[secret]"


def configure(settings: Settings) -> None:
    """Write events as text for people, or as JSON for collectors."""
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
            hiding(secrets_of(settings)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def add_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the request that an event belongs to; only the API has any."""
    if (request_id := correlation_id.get()) is not None:
        event["request_id"] = request_id
    return event


def hiding(secrets: set[str]) -> Callable[[Any, str, Any], str]:
    """A last processor, which hides secrets wherever they stand in a line: libraries write them
    into errors, too.
    """
    longest_first = sorted(secrets, key=lambda secret: (-len(secret), secret))

    def hide(_: Any, __: str, line: Any) -> str:
        text = str(line)
        for secret in longest_first:
            text = text.replace(secret, HIDDEN)
        return text

    return hide


def secrets_of(settings: Settings) -> set[str]:
    """The secrets of the settings, in every form in which a line may hold them."""
    found = {*_secret_values(settings), *_passwords_of(settings.database_url or "")}
    for url in (settings.chain_rpc_url or "").split(","):
        found |= set(_secrets_in_url(url.strip()))
    hex_forms = {form for secret in found for form in _as_hex(secret)}
    written = found | hex_forms | {unquote(secret) for secret in found}
    written |= {json.dumps(secret)[1:-1] for secret in written}
    return {secret for secret in written if len(secret) >= MIN_SECRET}


def _secret_values(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secret_values(value)


def _passwords_of(database_url: str) -> Iterator[str]:
    """Its password, as it is and as the URL has it."""
    yield from filter(None, (password_of(database_url), urlsplit(database_url).password))


def _secrets_in_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.password:
        yield parts.password
    words = [*parts.path.split("/"), *(pair.partition("=")[2] for pair in parts.query.split("&"))]
    yield from (word for word in words if len(word) >= MIN_PATH_SECRET)


def _as_hex(secret: str) -> Iterator[str]:
    digits = secret.removeprefix("0x")
    try:
        int(digits, 16)
    except ValueError:
        return
    yield from (digits, digits.lower(), digits.upper())
