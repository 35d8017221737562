"""The OpenAPI document, as generators of clients need it: files are binary, errors are problems."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from oracle.api.boundary import guards_of
from oracle.api.conventions import alias_of
from oracle.api.problems import TITLES, codes

PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details. Programs read `code`; `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"$ref": "#/components/schemas/ProblemCode"},
        "detail": {"type": "string", "description": "What happened, what was kept, what to do."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "errors": {
            "type": "array",
            "description": "With `invalid_request`: every field that is wrong.",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}
ALWAYS = (422, 429, 500, 503)  # text that cannot be stored, too many requests, trouble here
VALIDATION = ("HTTPValidationError", "ValidationError")  # FastAPI's own, which we never send


def install(app: FastAPI) -> None:
    """Let the app describe itself by this document, made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Yield the routes of the routers that an app includes."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def operation_id(route: APIRoute) -> str:
    """Return the name of a route's handler: what a generated client calls its method."""
    return route.name


def build(app: FastAPI) -> dict[str, Any]:
    """Build the document."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    for name in VALIDATION:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    meanings = codes()
    schemas["ProblemCode"] = {
        "type": "string",
        "title": "ProblemCode",
        "enum": list(meanings),
        "x-enum-descriptions": meanings,
    }
    for route in routes_of(app):
        if route.include_in_schema:
            for method in (route.methods or set()) - {"HEAD"}:
                operation = document["paths"][route.path_format][method.lower()]
                _describe_errors(operation, route)
    _make_plain(document)
    _add_aliases(document["paths"])
    return document


def _add_aliases(paths: dict[str, Any]) -> None:
    """Describe each path of before beside the one that it stands for."""
    for path, operations in list(paths.items()):
        alias = alias_of(path)
        if alias is None:
            continue
        paths[alias] = {
            method: operation
            | {
                "operationId": f"{operation['operationId']}_alias",
                "tags": ["aliases"],
                "description": f"The same as `{method.upper()} {path}`, under its first name.",
            }
            for method, operation in operations.items()
        }


def _describe_errors(operation: dict[str, Any], route: APIRoute) -> None:
    if not _wants_key(route):
        operation.pop("security", None)
    responses = operation["responses"]
    for status in sorted({*ALWAYS, *_statuses(operation, route)}):
        known = responses.get(str(status), {})
        # A route that answers a status by itself, with a body of its own, says so.
        if status != 422 and known.get("content"):
            continue
        responses[str(status)] = {
            "description": known.get("description") or TITLES[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }


def _statuses(operation: dict[str, Any], route: APIRoute) -> Iterator[int]:
    """The errors that a route may answer, by what it takes."""
    if _wants_key(route):
        yield from (401, 403)
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "{" in route.path_format or "creator" in names:
        yield 404
    body = operation.get("requestBody")
    if body is not None:
        yield from (400, 404, 408, 409, 413)
        if "multipart/form-data" in body["content"] or "uri" in str(body["content"]):
            yield 415
    elif (route.methods or set()) - {"GET", "HEAD"}:
        yield 409


def _wants_key(route: APIRoute) -> bool:
    return any(guard.scope is not None for guard in guards_of(route.dependant))


def _make_plain(node: Any) -> None:
    """Say it as most generators know it: `format: binary` of files, and a stream as a text."""
    if isinstance(node, dict):
        if node.pop("contentMediaType", None) == "application/octet-stream":
            node["format"] = "binary"
        if node.pop("itemSchema", None) is not None:  # of OpenAPI 3.2
            node["schema"] = {"type": "string"}
        for value in node.values():
            _make_plain(value)
    elif isinstance(node, list):
        for value in node:
            _make_plain(value)
