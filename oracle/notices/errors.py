"""Errors of notices and webhooks."""

from oracle.errors import Conflict, OracleError


class MissingFact(Conflict):
    """A notice was not sent, and nothing was held, because a fact that it states is missing."""

    code = "missing_fact"


class InvalidWebhook(OracleError):
    """Messages cannot be sent there."""

    code = "invalid_webhook"
