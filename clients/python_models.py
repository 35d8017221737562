"""Make oracle/client/models.py from docs/openapi.json; run it after the API changed.

`ruff format` gives the result its form."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "oracle/client/models.py"
HEAD = '''"""What the oracle answers, made from docs/openapi.json by clients/python_models.py."""

from __future__ import annotations

from typing import Any, Literal, TypedDict
'''
# What the client's methods return; all else is read as plain JSON.
ROOTS = ("AnalysisView", "AnalysisSummary", "CheckView", "ListedCreator", "WorkView")
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def models(document: dict[str, Any]) -> str:
    """Return the module: a TypedDict for each form of an answer."""
    schemas = document["components"]["schemas"]
    wanted = set(ROOTS)
    for root in ROOTS:
        wanted |= set(reached(schemas[root], schemas, wanted))
    return "\n\n".join([HEAD, *(one(name, schemas[name]) for name in sorted(wanted))])


def reached(node: Any, schemas: dict[str, Any], known: set[str]) -> Iterator[str]:
    """Yield the names of all schemas that a part of the document refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            if name not in known:
                known.add(name)
                yield name
                yield from reached(schemas[name], schemas, known)
        for value in node.values():
            yield from reached(value, schemas, known)
    elif isinstance(node, list):
        for value in node:
            yield from reached(value, schemas, known)


def one(name: str, schema: dict[str, Any]) -> str:
    """Return one definition."""
    said = " ".join(schema.get("description", name).split()).partition(". ")[0].rstrip(".")
    fields = [f"    {field}: {typed(form)}" for field, form in schema["properties"].items()]
    return "\n".join([f"class {name}(TypedDict):", f'    """{said}."""', "", *fields, ""])


def typed(form: dict[str, Any]) -> str:
    """Return the type of a form in Python."""
    if "$ref" in form:
        return str(form["$ref"].rsplit("/", 1)[1])
    if "anyOf" in form:
        return " | ".join(dict.fromkeys(map(typed, form["anyOf"])))
    if "enum" in form or "const" in form:
        values = form.get("enum") or [form["const"]]
        return f"Literal[{', '.join(map(json.dumps, values))}]"
    if form.get("type") == "array":
        return f"list[{typed(form.get('items', {}))}]"
    if form.get("type") == "object":
        inner = form.get("additionalProperties", True)
        return f"dict[str, {typed(inner) if isinstance(inner, dict) else 'Any'}]"
    return SIMPLE.get(form.get("type", ""), "Any")


if __name__ == "__main__":
    text = models(json.loads((ROOT / "docs/openapi.json").read_text()))
    print(text) if "--print" in sys.argv else MODELS.write_text(text)
