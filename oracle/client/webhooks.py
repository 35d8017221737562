"""Checking what a webhook delivers.

Source: https://www.standardwebhooks.com (v1, HMAC-SHA256 over "id.timestamp.body").
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from oracle.client.errors import OracleClientError

TOLERANCE_S = 300
PREFIX = "whsec_"


class InvalidWebhookSignature(OracleClientError):
    """A delivery is not from the oracle, was changed on its way, or is too old."""


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float | None = None
) -> dict[str, Any]:
    """Return the event of a delivery that is genuine and new.

    Args:
        secret: as the registration answered it, or several with spaces between while it is rotated.
        headers: of the delivery, with names in any case.
        body: exactly as it came.
        now_s: Unix time; the clock's if not given.
    Raises: InvalidWebhookSignature.
    """
    known = {name.lower(): value for name, value in headers.items()}
    try:
        name, sent = known["webhook-id"], known["webhook-timestamp"]
        signatures = known["webhook-signature"].split()
        age_s = (time.time() if now_s is None else now_s) - int(sent)
        keys = [base64.b64decode(one.removeprefix(PREFIX)) for one in secret.split()]
    except (KeyError, ValueError, binascii.Error) as exc:
        raise InvalidWebhookSignature("A header of Standard Webhooks is missing or wrong.") from exc
    if abs(age_s) > TOLERANCE_S:
        raise InvalidWebhookSignature(f"The delivery was signed {age_s:.0f} s ago.")
    signed = f"{name}.{sent}.".encode() + body
    for key in keys:
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            event: dict[str, Any] = json.loads(body)
            return event
    raise InvalidWebhookSignature("No signature of the delivery fits.")
