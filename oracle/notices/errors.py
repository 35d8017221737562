"""Errors of notices and webhooks."""

from oracle.errors import Conflict, OracleError


class MissingFact(Conflict):
    """A statement was not sent, and nothing was held, because a fact that it has to state is
    missing.
    """

    code = "missing_fact"


class InvalidWebhook(OracleError):
    """Messages cannot be sent there."""

    code = "invalid_webhook"
