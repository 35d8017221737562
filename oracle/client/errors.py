"""What can go wrong for a client."""

from collections.abc import Mapping
from typing import Any


class OracleClientError(Exception):
    """The oracle could not be asked, or refused."""


class OracleUnreachable(OracleClientError):
    """The oracle does not answer; a request that was sent again each time may have arrived."""


class WaitedTooLong(OracleClientError):
    """The analysis was not ready in time; it goes on, so ask again."""


class ProblemError(OracleClientError):
    """The oracle refused a request.

    Attributes:
        status: of HTTP.
        code: stable; what programs read. docs/openapi.json lists them.
        detail: what happened, what was kept and what to do, for people.
        errors: with `invalid_request` every field that is wrong, as (field, problem).
        request_id: what to name when asking about it.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str | None) -> None:
        self.status = status
        self.code = str(problem.get("code", "http_error"))
        self.detail = str(problem.get("detail", f"The server answered with status {status}."))
        self.errors = [(e["field"], e["problem"]) for e in problem.get("errors", ())]
        self.request_id = request_id
        super().__init__(f"{self.code}: {self.detail}")
