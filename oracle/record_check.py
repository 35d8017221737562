"""The public record of an oracle, fetched and checked by anybody: nothing is asked but its API."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx2

from oracle.errors import OracleError
from oracle.rules.figures import Figures, figures

PAGE = 500
TIMEOUT_S = 30.0


class RecordBroken(OracleError):
    """The record does not hang together; what it says is not to be relied on."""

    code = "record_broken"


class RecordUnreachable(OracleError):
    """No public record is served there."""

    code = "record_unreachable"


def recompute(url: str) -> tuple[Figures, dict[str, Any]]:
    """Return the figures as the record gives them, and as the oracle publishes them.

    Raises: RecordBroken, RecordUnreachable.
    """
    try:
        with httpx2.Client(base_url=url, timeout=TIMEOUT_S) as http:
            published = _get(http, "/v1/record/figures")
            return figures(_steps(http, published["seq"])), published
    except (httpx2.HTTPError, ValueError, KeyError) as exc:
        raise RecordUnreachable(f"{url}: {exc}") from exc


def _steps(http: httpx2.Client, up_to: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The public steps up to a number; each hash is checked, of the others too."""
    previous, seq = bytes(32), 0
    while seq < up_to:
        page = _get(http, "/v1/record/steps", cursor=seq, limit=PAGE)["steps"]
        if not page:
            raise RecordBroken(f"The record ends at step {seq}; the figures go to {up_to}.")
        for step in page:
            seq += 1
            body, digest = step["body"], bytes.fromhex(step["hash"])
            whole = body is None or hashlib.sha256(previous + body.encode()).digest() == digest
            if step["seq"] != seq or step["previous_hash"] != previous.hex() or not whole:
                raise RecordBroken(f"Step {seq} does not follow from the one before.")
            previous = digest
            if seq <= up_to and body is not None:
                yield seq, step["step"], json.loads(body)["facts"]


def _get(http: httpx2.Client, path: str, **params: int) -> dict[str, Any]:
    answer: dict[str, Any] = http.get(path, params=params).raise_for_status().json()
    return answer
