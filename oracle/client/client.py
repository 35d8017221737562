"""The clients: one that waits, and one to await. Both send again what failed on its way."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, cast

import httpx2

from oracle.client import models
from oracle.client.errors import OracleUnreachable, WaitedTooLong
from oracle.client.requests import (
    TRIES,
    Media,
    Progress,
    Request,
    checked,
    is_done,
    new_key,
    upload,
    wait_before,
)

Until = Literal["decided", "final"]
POLL_S, MAX_POLL_S = 0.5, 5.0
ON_ITS_WAY = ("pending", "sent", "included")


def _headers(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _ready(analysis: models.AnalysisView, until: Until) -> bool:
    if analysis["status"] not in ("decided", "failed"):
        return False
    sent = analysis["attestation"]
    return until == "decided" or sent is None or sent["status"] not in ON_ITS_WAY


class Oracle:
    """The oracle at a URL.

    Args:
        key: an API key; None where the server takes none.
        timeout_s: for one answer. An upload's answer waits for the verdict as long as the server
            allows, so it is not small.
    Errors of every method: ProblemError where the oracle refuses, OracleUnreachable.
    """

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 150.0) -> None:
        self._http = httpx2.Client(base_url=url, headers=_headers(key), timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def upload(
        self,
        media: Media,
        creator: str | None = None,
        *,
        media_type: str | None = None,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
        wait_s: float | None = None,
        **stated: Any,
    ) -> models.AnalysisView:
        """Post a file and return its analysis, which may still be running.

        Args:
            media: a path, the bytes, or an open binary file that can seek.
            stated: `external_id`, `title`, `category`, `audience`, `published_at`, `post_id`.
            idempotency_key: to send it again later; within this call that is done already.
            wait_s: how long the answer may wait for the verdict.
        """
        sent = upload(
            media,
            path="/v1/uploads",
            form={"creator": creator, "media_type": media_type, **stated},
            progress=progress,
            idempotency_key=new_key(idempotency_key),
            wait_s=wait_s,
        )
        return cast(models.AnalysisView, self._json(sent))

    def add_by_uri(
        self, uri: str, *, idempotency_key: str | None = None, **stated: Any
    ) -> models.AnalysisView:
        """Post media behind a URI; `stated` as for `upload`, with `creator`."""
        headers = {"Idempotency-Key": new_key(idempotency_key)}
        body = {"uri": uri, **stated}
        sent = Request("POST", "/v1/works", json=body, headers=headers)
        return cast(models.AnalysisView, self._json(sent))

    def check(
        self, media: Media, creator: str | None = None, *, progress: Progress | None = None
    ) -> models.CheckView:
        """Say what would be decided if a file were posted now; nothing is kept."""
        sent = upload(media, path="/v1/check", form={"creator": creator}, progress=progress)
        return cast(models.CheckView, self._json(sent))

    def analysis(self, analysis_id: str) -> models.AnalysisView:
        """Return an analysis."""
        return cast(models.AnalysisView, self.get(f"/v1/analyses/{analysis_id}"))

    def wait(
        self, analysis_id: str, *, until: Until = "decided", timeout_s: float = 600.0
    ) -> models.AnalysisView:
        """Return an analysis once it is decided, or final on chain. Raises: WaitedTooLong."""
        ends_at, pause_s = time.monotonic() + timeout_s, POLL_S
        while True:
            analysis = self.analysis(analysis_id)
            if _ready(analysis, until):
                return analysis
            if time.monotonic() + pause_s > ends_at:
                raise WaitedTooLong(f"{analysis_id} is {analysis['status']} after {timeout_s:g} s.")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, MAX_POLL_S)

    def evidence(self, analysis_id: str) -> bytes:
        """Return the exact bytes that the evidence hash on chain is over."""
        return self.send(Request("GET", f"/v1/analyses/{analysis_id}/evidence")).content

    def receipt(self, analysis_id: str) -> bytes:
        """Return the signed receipt of a final decision, as `oracle verify-receipt` takes it."""
        return self.send(Request("GET", f"/v1/analyses/{analysis_id}/receipt")).content

    def work(self, work_id: str) -> models.WorkView:
        """Return a work."""
        return cast(models.WorkView, self.get(f"/v1/works/{work_id}"))

    def works(self, **wanted: Any) -> Iterator[models.WorkView]:
        """Yield works, the newest first; `wanted` as in the query of `GET /v1/works`."""
        return self.pages("/v1/works", "works", wanted)

    def analyses(self, **wanted: Any) -> Iterator[models.AnalysisSummary]:
        """Yield analyses, the newest first; `wanted` as in the query of `GET /v1/analyses`."""
        return self.pages("/v1/analyses", "analyses", wanted)

    def creators(self) -> Iterator[models.ListedCreator]:
        """Yield creators in the order of their names."""
        return self.pages("/v1/creators", "creators", {})

    def pages(self, path: str, name: str, wanted: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the entries of any list, page by page. Args: name: of the entries in a page."""
        cursor = None
        while True:
            page = self.get(path, **dict(wanted), cursor=cursor)
            yield from page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer of any path."""
        return self._json(Request("GET", path, query))

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON answer to a body; it is sent once, since it may not be repeatable."""
        return self._json(Request("POST", path, json=body, repeatable=False))

    def send(self, request: Request) -> httpx2.Response:
        """Send a request, again where it failed on its way. Raises: ProblemError."""
        try:
            for tried in range(TRIES):
                response, failure = None, None
                try:
                    response = self._http.request(request.method, request.path, **request.options())
                    if is_done(request, response, tried):
                        return checked(response)
                except httpx2.TransportError as exc:
                    failure = exc
                if failure is not None and (not request.repeatable or tried + 1 == TRIES):
                    raise OracleUnreachable(str(failure) or type(failure).__name__) from failure
                time.sleep(wait_before(tried, response))
            raise AssertionError("the last try ends it")
        finally:
            if request.file is not None:
                request.file.close()

    def _json(self, request: Request) -> Any:
        return self.send(request).json()


class AsyncOracle:
    """The oracle at a URL, to await; as `Oracle` in all else."""

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 150.0) -> None:
        self._http = httpx2.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def upload(
        self,
        media: Media,
        creator: str | None = None,
        *,
        media_type: str | None = None,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
        wait_s: float | None = None,
        **stated: Any,
    ) -> models.AnalysisView:
        """Post a file and return its analysis, as `Oracle.upload`."""
        sent = upload(
            media,
            path="/v1/uploads",
            form={"creator": creator, "media_type": media_type, **stated},
            progress=progress,
            idempotency_key=new_key(idempotency_key),
            wait_s=wait_s,
        )
        return cast(models.AnalysisView, await self._json(sent))

    async def add_by_uri(
        self, uri: str, *, idempotency_key: str | None = None, **stated: Any
    ) -> models.AnalysisView:
        """Post media behind a URI; `stated` as for `upload`, with `creator`."""
        headers = {"Idempotency-Key": new_key(idempotency_key)}
        body = {"uri": uri, **stated}
        sent = Request("POST", "/v1/works", json=body, headers=headers)
        return cast(models.AnalysisView, await self._json(sent))

    async def check(
        self, media: Media, creator: str | None = None, *, progress: Progress | None = None
    ) -> models.CheckView:
        """Say what would be decided if a file were posted now; nothing is kept."""
        sent = upload(media, path="/v1/check", form={"creator": creator}, progress=progress)
        return cast(models.CheckView, await self._json(sent))

    async def analysis(self, analysis_id: str) -> models.AnalysisView:
        """Return an analysis."""
        return cast(models.AnalysisView, await self.get(f"/v1/analyses/{analysis_id}"))

    async def wait(
        self, analysis_id: str, *, until: Until = "decided", timeout_s: float = 600.0
    ) -> models.AnalysisView:
        """Return an analysis once it is decided, or final on chain. Raises: WaitedTooLong."""
        ends_at, pause_s = time.monotonic() + timeout_s, POLL_S
        while True:
            analysis = await self.analysis(analysis_id)
            if _ready(analysis, until):
                return analysis
            if time.monotonic() + pause_s > ends_at:
                raise WaitedTooLong(f"{analysis_id} is {analysis['status']} after {timeout_s:g} s.")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, MAX_POLL_S)

    async def evidence(self, analysis_id: str) -> bytes:
        """Return the exact bytes that the evidence hash on chain is over."""
        return (await self.send(Request("GET", f"/v1/analyses/{analysis_id}/evidence"))).content

    async def receipt(self, analysis_id: str) -> bytes:
        """Return the signed receipt of a final decision, as `oracle verify-receipt` takes it."""
        return (await self.send(Request("GET", f"/v1/analyses/{analysis_id}/receipt"))).content

    async def work(self, work_id: str) -> models.WorkView:
        """Return a work."""
        return cast(models.WorkView, await self.get(f"/v1/works/{work_id}"))

    def works(self, **wanted: Any) -> AsyncIterator[models.WorkView]:
        """Yield works, the newest first; `wanted` as in the query of `GET /v1/works`."""
        return self.pages("/v1/works", "works", wanted)

    def analyses(self, **wanted: Any) -> AsyncIterator[models.AnalysisSummary]:
        """Yield analyses, the newest first; `wanted` as in the query of `GET /v1/analyses`."""
        return self.pages("/v1/analyses", "analyses", wanted)

    def creators(self) -> AsyncIterator[models.ListedCreator]:
        """Yield creators in the order of their names."""
        return self.pages("/v1/creators", "creators", {})

    async def pages(self, path: str, name: str, wanted: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Yield the entries of any list, page by page. Args: name: of the entries in a page."""
        cursor = None
        while True:
            page = await self.get(path, **dict(wanted), cursor=cursor)
            for entry in page[name]:
                yield entry
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer of any path."""
        return await self._json(Request("GET", path, query))

    async def post(self, path: str, body: Any) -> Any:
        """Return the JSON answer to a body; it is sent once, since it may not be repeatable."""
        return await self._json(Request("POST", path, json=body, repeatable=False))

    async def send(self, request: Request) -> httpx2.Response:
        """Send a request, again where it failed on its way. Raises: ProblemError."""
        try:
            for tried in range(TRIES):
                response, failure = None, None
                try:
                    response = await self._http.request(
                        request.method, request.path, **request.options()
                    )
                    if is_done(request, response, tried):
                        return checked(response)
                except httpx2.TransportError as exc:
                    failure = exc
                if failure is not None and (not request.repeatable or tried + 1 == TRIES):
                    raise OracleUnreachable(str(failure) or type(failure).__name__) from failure
                await asyncio.sleep(wait_before(tried, response))
            raise AssertionError("the last try ends it")
        finally:
            if request.file is not None:
                request.file.close()

    async def _json(self, request: Request) -> Any:
        return (await self.send(request)).json()
