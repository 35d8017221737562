"""The Python client against the server, and the quick start as it is written."""

import asyncio
import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.photos import photo
from support.serving import serving

from oracle.client import (
    AsyncOracle,
    InvalidWebhookSignature,
    Oracle,
    OracleUnreachable,
    ProblemError,
    WaitedTooLong,
    verify_webhook,
)
from oracle.notices.webhooks import sign
from oracle.settings import Settings
from storage.database import Database

ROOT = Path(__file__).parents[3]
QUICK_START = (ROOT / "docs/quickstart.md").read_text()


@pytest.fixture
def url(settings: Settings, db: Database, drain: Callable[[], None]) -> Iterator[str]:
    """The server with a worker that decides."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            drain()

    worker = threading.Thread(target=work)
    with serving(settings) as (host, port):
        worker.start()
        yield f"http://{host}:{port}"
        stop.set()
        worker.join()


def test_it_uploads_waits_lists_and_says_what_was_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(photo("cat"))
    seen: list[tuple[int, int]] = []
    with Oracle(url) as oracle:
        sent = oracle.upload(
            file, creator="alice", external_id="p-1", progress=lambda *so_far: seen.append(so_far)
        )
        decided = oracle.wait(sent["analysis_id"])
        assert (decided["verdict"], decided["base_redirect_bps"]) == ("original", 10_000)
        work = decided["work"]
        assert work is not None
        assert (work["file_name"], work["external_id"]) == ("cat.jpg", "p-1")
        assert seen[-1] == (file.stat().st_size, file.stat().st_size)
        oracle.wait(oracle.upload(io.BytesIO(photo("coffee")), creator="bob")["analysis_id"])
        assert [each["creator"] for each in oracle.works(limit=1)] == ["bob", "alice"]
        assert [each["creator"] for each in oracle.creators()] == ["alice", "bob"]
        (found,) = oracle.analyses(external_id="p-1")
        assert found["analysis_id"] == sent["analysis_id"]
        assert oracle.work(found["work_id"] or "")["sha256"] == work["sha256"]
        assert decided["evidence_hash"] is not None
        assert oracle.evidence(sent["analysis_id"]).startswith(b"{")
        assert oracle.check(photo("rocket"), creator="bob")["verdict"] == "original"
        with pytest.raises(ProblemError) as refused:
            oracle.upload(b"no picture", creator="alice")
        assert (refused.value.status, refused.value.code) == (415, "media_unsupported")
        assert refused.value.request_id
        with pytest.raises(ProblemError) as invalid:
            oracle.upload(photo("rocket"), creator="alice", audience="many")
        assert [name for name, _ in invalid.value.errors] == ["audience"]
        with pytest.raises(ProblemError, match="not final"):
            oracle.receipt(sent["analysis_id"])
        with pytest.raises(WaitedTooLong):
            oracle.wait(sent["analysis_id"], until="final", timeout_s=0)


def test_it_can_be_awaited(url: str) -> None:
    async def story() -> None:
        async with AsyncOracle(url) as oracle:
            sent = await asyncio.gather(
                *(oracle.upload(photo(name), creator="alice") for name in ("cat", "coffee"))
            )
            for analysis in sent:
                decided = await oracle.wait(analysis["analysis_id"])
                assert decided["verdict"] == "original"
            assert len([work async for work in oracle.works(limit=1)]) == 2
            with pytest.raises(ProblemError):
                await oracle.analysis("00000000-0000-0000-0000-000000000000")

    asyncio.run(story())


def test_the_quick_start_is_true(url: str, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo("cat"))
    (tmp_path / "edited.jpg").write_bytes(photo("cat", quality=60))
    (shell,) = re.findall("```bash\n(.*?)```", QUICK_START, re.DOTALL)
    (example,) = re.findall("```python\n(.*?)```", QUICK_START, re.DOTALL)
    for command in shell.replace("localhost:8000", url).strip().splitlines():
        subprocess.run([*command.split(), "--fail", "--silent"], cwd=tmp_path, check=True)
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.chdir(tmp_path):
        exec(compile(example.replace("http://localhost:8000", url), "quickstart", "exec"), {})
    verdict, post, refused = told.getvalue().splitlines()
    assert verdict.startswith("derivative ")
    assert post.startswith("0x")
    assert refused.startswith("media_unsupported ")
    with Oracle(url) as oracle:
        owners = [each["creator"] for each in oracle.analyses(verdict="original")]
        assert owners == ["alice"]


@pytest.fixture
def busy() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that is busy twice. Yields: its URL, and the key and body of each request."""
    requests: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            requests.append((self.headers["Idempotency-Key"], self.rfile.read(length)))
            self.send_response(503 if len(requests) < 3 else 200)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
        server.shutdown()


def test_it_sends_again_what_failed_on_its_way(busy: tuple[str, list[tuple[str, bytes]]]) -> None:
    """The file goes from its start each time, under one key; what may not be repeated goes once."""
    url, requests = busy
    with Oracle(url) as oracle:
        with pytest.raises(ProblemError):
            oracle.post("/v1/permissions", {})
        assert len(requests) == 1
        oracle.upload(b"picture", creator="alice")
    assert len(requests) == 3
    assert len({key for key, _ in requests[1:]}) == 1
    assert all(b"picture" in body for _, body in requests[1:])


def test_who_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.client.requests.FIRST_WAIT_S", 0.0)
    with Oracle("http://127.0.0.1:9") as nobody, pytest.raises(OracleUnreachable):
        nobody.get("/healthz")


def test_a_delivery_is_believed_once_it_is_signed_and_new() -> None:
    secret, body, now = "whsec_" + "QUJD" * 8, b'{"type":"x"}', 1_700_000_000
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": "v1,wrong " + sign(secret, "m1", now, body),
    }
    assert verify_webhook(secret, headers, body, now_s=now + 100) == {"type": "x"}
    rotated = f"whsec_{'QUJE' * 8} {secret}"
    assert verify_webhook(rotated, headers, body, now_s=now) == {"type": "x"}
    for changed in (
        (secret, headers, body + b" ", now),
        (secret, headers, body, now + 301),
        (secret, headers | {"Webhook-Id": "m2"}, body, now),
        ("whsec_" + "QUJE" * 8, headers, body, now),
        (secret, {}, body, now),
    ):
        with pytest.raises(InvalidWebhookSignature):
            verify_webhook(*changed[:3], now_s=changed[3])


def test_it_brings_nothing_of_the_server_along() -> None:
    script = (
        "import sys, oracle.client; heavy = {'fastapi', 'storage', 'embeddings', 'numpy', 'web3'};"
        "assert not heavy & {name.split('.')[0] for name in sys.modules}"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
