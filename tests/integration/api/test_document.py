"""The server answers as its document says, whatever is sent."""

import contextlib
import json
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.serving import serving

from oracle.settings import Settings
from storage.database import Database

DOCUMENT = Path(__file__).parents[3] / "docs/openapi.json"  # which is the server's: test_openapi.py
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()))
OPERATOR = {"Authorization": "Bearer operator"}


@pytest.mark.parametrize("examples", [1, pytest.param(30, marks=pytest.mark.campaign)])
def test_every_answer_is_in_the_document(settings: Settings, db: Database, examples: int) -> None:
    """No 500, no status, content type or form that the document does not have. A stream of events
    ends late, and the first paths have the same handlers: those are left out.
    """
    http = settings.http.model_copy(update={"per_minute": 100_000})
    faults: list[str] = []
    with serving(settings.model_copy(update={"http": http})) as (host, port):
        schema = OPERATIONS.exclude(tag="aliases").exclude(operation_id="stream_events")
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @hypothesis.settings(
                    max_examples=examples,
                    derandomize=True,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(generation_mode=mode))
                def ask(case: Case) -> None:
                    answer = case.call(f"http://{host}:{port}", headers=OPERATOR, timeout=60)
                    try:
                        assert answer.status_code != 500, answer.content
                        case.validate_response(answer, checks=CHECKS)
                    except (AssertionError, FailureGroup) as exc:
                        faults.append(f"{case.operation.label}: {exc}")

                # Unsatisfiable: it takes nothing that could be wrong.
                with contextlib.suppress(hypothesis.errors.Unsatisfiable):
                    ask()
    assert not faults, "\n".join(faults)
