"""Errors as RFC 9457 problem details: the one table from error to HTTP status."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from embeddings import errors as embedding
from oracle import errors, fetch
from oracle.api.conventions import asked_path
from oracle.api.oidc import ProviderUnavailable
from oracle.api.pages.rendering import show
from oracle.api.ranges import RangeNotSatisfiable
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.errors import ChainError, InvalidAddress, InvalidSignature, InvalidSignInMessage
from oracle.errors import Conflict
from storage import blobs
from storage import errors as storage
from storage.ledger.wallets import LinkExists, TransactionKnown

log = structlog.get_logger()

# The first class that matches decides, so subclasses stand before their bases.
STATUS: dict[type[Exception], int] = {
    embedding.MediaTooLarge: 413,
    embedding.UnsupportedMedia: 415,
    embedding.ModelUnavailable: 503,
    embedding.EmbeddingError: 422,
    errors.UploadTooLarge: 413,
    errors.RequestTooLarge: 413,
    errors.RequestTooSlow: 408,
    errors.MediaTypeNotSupported: 415,
    errors.ConfigurationError: 503,
    ProviderUnavailable: 503,
    errors.Busy: 503,
    errors.QueueFull: 503,
    errors.FetchesFull: 503,
    errors.QuotaExceeded: 429,
    errors.NoSpace: 503,
    errors.NotAllowed: 403,
    errors.KeyRequired: 401,
    errors.TooManyRequests: 429,
    RangeNotSatisfiable: 416,
    Conflict: 409,
    errors.NameResembles: 409,
    errors.ExternalIdTaken: 409,
    errors.PostIdTaken: 409,
    errors.OracleError: 422,
    InvalidAddress: 422,
    InvalidSignature: 422,
    InvalidSignInMessage: 422,
    ContractReverted: 409,
    ChainError: 503,
    fetch.UriTooLarge: 413,
    fetch.UriTimeout: 504,
    fetch.UriUnreachable: 502,
    fetch.FetchError: 422,
    blobs.BlobMissing: 500,
    blobs.BlobCorrupt: 500,
    blobs.BlobError: 503,
    storage.NotFound: 404,
    storage.IdempotencyConflict: 422,
    storage.NameTaken: 409,
    storage.PolicyUnknown: 503,
    LinkExists: 409,
    TransactionKnown: 409,
    storage.StorageError: 503,
}
RETRY_AFTER_S = 2
MAX_ERRORS = 100  # shown of a request
TITLES = {
    400: "Bad request",
    401: "Key required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media",
    416: "Range not satisfiable",
    422: "Cannot be processed",
    429: "Too many requests",
    500: "Internal error",
    502: "Source unreachable",
    503: "Temporarily unavailable",
    504: "Source too slow",
}


OWN_CODES = {
    "error": "Something went wrong that has no code of its own.",
    "http_error": "The request is not one that HTTP or this route knows.",
    "internal_error": "Something went wrong here; it was logged.",
    "invalid_request": "A field is missing or wrong; `errors` names each.",
    "method_not_allowed": "This path does not answer that method.",
    "not_found": "There is nothing of that name here.",
}


def codes() -> dict[str, str]:
    """Return every code that a problem can have, sorted, with a sentence that says what it means:
    the first paragraph of its error's docstring.
    """
    known = dict(OWN_CODES)

    def add(error: type[BaseException]) -> None:
        if "code" in vars(error):
            meaning = (error.__doc__ or "").strip().partition("\n\n")[0]
            known.setdefault(str(vars(error)["code"]), " ".join(meaning.split()))
        for child in error.__subclasses__():
            add(child)

    for error in STATUS:
        add(error)
    return dict(sorted(known.items()))


def problem(request: Request, status: int, code: str, detail: str, **extra: object) -> Response:
    """Build a problem document; `code` is stable, `detail` is for people and may be reworded.

    A browser that asks for a page gets one that says the same and leads on.
    """
    headers = {503: {"Retry-After": str(RETRY_AFTER_S)}, 401: {"WWW-Authenticate": "Bearer"}}.get(
        status
    )
    if _wants_page(request):
        page = show(
            "error.html",
            getattr(request.state, "caller", None),
            status=status,
            title=TITLES.get(status, "Error"),
            detail=detail,
            path=asked_path(request),
        )
        return HTMLResponse(page, status, headers)
    body = {
        "type": f"/problems/{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": asked_path(request),
        **extra,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _wants_page(request: Request) -> bool:
    """Tell whether a browser asks for a page of ours: programs ask for anything, or for JSON."""
    path = asked_path(request)
    return not path.startswith(("/v1/", "/api/")) and "text/html" in request.headers.get(
        "accept", ""
    )


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document, and log it."""
    for error in STATUS:
        app.add_exception_handler(error, _on_known_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_crash)


async def _on_known_error(request: Request, exc: Exception) -> Response:
    status = next(status for error, status in STATUS.items() if isinstance(exc, error))
    code = str(getattr(exc, "code", "error"))
    log.warning(
        "request.refused", path=asked_path(request), status=status, code=code, detail=str(exc)
    )
    answer = problem(request, status, code, str(exc))
    if isinstance(exc, errors.TooManyRequests | errors.ComeAgain):
        answer.headers["Retry-After"] = str(exc.retry_after_s)
    if isinstance(exc, RangeNotSatisfiable):
        answer.headers["Content-Range"] = f"bytes */{exc.size_bytes}"
    return answer


async def _on_invalid_request(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    fields = [
        {"field": ".".join(map(str, e["loc"][1:])), "problem": e["msg"]}
        for e in exc.errors()[:MAX_ERRORS]
    ]
    detail = "; ".join(f"{f['field']}: {f['problem']}" for f in fields)
    log.warning(
        "request.refused",
        path=asked_path(request),
        status=422,
        code="invalid_request",
        detail=detail,
    )
    return problem(request, 422, "invalid_request", detail, errors=fields)


async def _on_http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(exc.status_code, "http_error")
    path = asked_path(request)
    detail = f"There is nothing at {path}." if code == "not_found" else str(exc.detail)
    return problem(request, exc.status_code, code, detail)


async def _on_crash(request: Request, exc: Exception) -> Response:
    log.error("request.crashed", path=request.url.path, exc_info=exc)
    return problem(request, 500, "internal_error", "Something went wrong here; it was logged.")
