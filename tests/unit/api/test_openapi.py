"""The OpenAPI document says what the server does, in terms that generators of clients know."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from oracle import app as app_module
from oracle.api import problems
from oracle.api.openapi import routes_of
from oracle.errors import OracleError
from oracle.settings import Settings

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"
CLIENTS = SNAPSHOT.parents[1] / "clients"
MODELS = SNAPSHOT.parents[1] / "oracle/client/models.py"
JSON, PROBLEM = "application/json", "application/problem+json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As a server has it: errors of modules that only other tests import are not the API's."""
    program = (
        "import json; from oracle import app; from oracle.settings import Settings;"
        "print(json.dumps(app.create_app(Settings()).openapi()))"
    )
    made = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    document: dict[str, Any] = json.loads(made.stdout)
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def test_the_copy_in_the_repository_is_this_one(document: dict[str, Any]) -> None:
    renew = "the API changed; run: PYTHONPATH=. python tests/unit/api/test_openapi.py"
    assert SNAPSHOT.read_text() == written(document), renew


def test_the_clients_models_are_made_from_it() -> None:
    made = subprocess.run(
        [sys.executable, CLIENTS / "python_models.py", "--print"], check=True, capture_output=True
    )
    names = re.findall(r"^class (\w+)|^    (\w+): ", made.stdout.decode(), re.MULTILINE)
    kept = re.findall(r"^class (\w+)|^    (\w+): ", MODELS.read_text(), re.MULTILINE)
    assert kept == names, "run: python clients/python_models.py"


def test_every_answer_has_a_form(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                assert content.get("schema"), f"{name}: {status} {kind}"


def test_first_paths_are_described_beside_those_of_today(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/upload"]["post"]["operationId"] == "upload_alias"
    for first in (path for path in paths if path.startswith("/api/")):
        today = paths[first.replace("/api/", "/v1/", 1)]
        for method, operation in paths[first].items():
            assert operation["responses"] == today[method]["responses"]
    own = ("/v1/", "/api/", "/upload", "/healthz", "/readyz", "/metrics")
    assert all(path.startswith(own) for path in paths)


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
        """Nobody heard
        of it.

        And more.
        """

        code = "unheard_of"

    assert problems.codes()["unheard_of"] == "Nobody heard of it.", "a new error is listed"
    assert all(meaning.strip() for meaning in problems.codes().values())


def test_no_route_answers_what_it_does_not_describe() -> None:
    app = app_module.create_app(Settings())
    undescribed = [
        route.path
        for route in routes_of(app)
        if route.path.startswith(("/v1/", "/api/")) and not route.include_in_schema
    ]
    assert undescribed == []


if __name__ == "__main__":
    SNAPSHOT.write_text(written(app_module.create_app(Settings()).openapi()))
