"""A client of the oracle's HTTP API.

Nothing of the server is imported here: what it answers is described in `models`, made from
docs/openapi.json.
"""

from oracle.client.client import AsyncOracle, Oracle
from oracle.client.errors import OracleClientError, OracleUnreachable, ProblemError, WaitedTooLong
from oracle.client.webhooks import InvalidWebhookSignature, verify_webhook

__all__ = [
    "AsyncOracle",
    "InvalidWebhookSignature",
    "Oracle",
    "OracleClientError",
    "OracleUnreachable",
    "ProblemError",
    "WaitedTooLong",
    "verify_webhook",
]
