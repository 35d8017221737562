"""The OpenAPI document says what the server does, in terms that generators of clients know."""

import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from oracle import app as app_module
from oracle.api import problems
from oracle.api.openapi import routes_of
from oracle.errors import OracleError
from oracle.settings import Settings

JSON, PROBLEM = "application/json", "application/problem+json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return app_module.create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z][a-z_]*", name) for name in names)
    assert all(
        operation.get("tags") and operation.get("summary") for _, operation in operations(document)
    )


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert {"422", "429", "500", "503"} <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = response.get("content", {})
                assert PROBLEM in content or JSON in content, f"{name}: {status}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_a_route_that_wants_a_key_says_so(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert ("401" in operation["responses"]) == bool(operation.get("security")), name


def test_files_are_binary(document: dict[str, Any]) -> None:
    text = str(document)
    assert "contentMediaType" not in text
    form = document["components"]["schemas"]["Body_upload"]
    assert form["properties"]["file"] == {
        "type": "string",
        "format": "binary",
        "title": "File",
        "description": "The media itself; its name and announced type are not trusted.",
    }


def test_the_codes_are_those_that_errors_have(document: dict[str, Any]) -> None:
    listed = document["components"]["schemas"]["ProblemCode"]["enum"]
    assert {"key_required", "media_corrupt", "not_found", "invalid_request"} <= set(listed)

    class Unheard(OracleError):
        code = "unheard_of"

    assert "unheard_of" in problems.codes(), "a new error is listed by itself"


def test_no_route_answers_what_it_does_not_describe() -> None:
    app = app_module.create_app(Settings())
    undescribed = [
        route.path
        for route in routes_of(app)
        if route.path.startswith(("/v1/", "/api/")) and not route.include_in_schema
    ]
    assert undescribed == []
