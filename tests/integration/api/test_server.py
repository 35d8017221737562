"""The server as clients meet it on the wire: slow ones, silent ones, many at once, over IPv6."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx2
import psycopg
import pytest
from starlette.testclient import TestClient
from support.anvil import free_port
from support.photos import photo
from support.serving import serving
from support.waiting import wait_for

from oracle import app as app_module
from oracle import metrics
from oracle.api import answers, server
from oracle.api.probe import PROBE_S
from oracle.bringup import api_url
from oracle.settings import Settings
from storage.database import Database

# Says which address it sees.
ECHO = """
import sys
from oracle.api import server
from oracle.settings import HttpSettings

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["client"][0].encode()})

server.run(app, HttpSettings(port=int(sys.argv[1]), forwarded_allow_ips=sys.argv[2]))
"""


def closed_after_s(address: tuple[str, int], sends: Iterator[bytes], limit_s: float = 8.0) -> float:
    """Send pieces until the server closes the connection. Returns: when that was, in seconds."""
    began = time.monotonic()
    with socket.create_connection(address) as client:
        client.settimeout(0.1)
        while time.monotonic() - began < limit_s:
            try:
                client.sendall(next(sends, b""))
                if client.recv(65_536) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - began


def dripping(start: bytes) -> Iterator[bytes]:
    yield start
    while True:
        yield b"a"


def test_who_sends_no_headers_or_drips_them_is_gone_in_time(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADERS_S", 1.0)
    with serving(settings) as address:
        assert closed_after_s(address, iter(())) < 5
        half = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
        assert closed_after_s(address, iter([half])) < 5
        assert closed_after_s(address, dripping(half)) < 5
        # the rest of a body that nobody reads is bounded like that too
        refused = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n"
        assert closed_after_s(address, dripping(refused)) < 5
        whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        assert closed_after_s(address, dripping(whole)) < 5
        url = f"http://{address[0]}:{address[1]}"
        with httpx2.Client(trust_env=False) as client:
            for _ in range(3):  # one connection, used again
                assert client.get(f"{url}/healthz").status_code == 200
                time.sleep(0.3)


def test_who_takes_nothing_of_an_answer_is_gone_in_time(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "READ_S", 1.0)
    with serving(settings) as address, socket.create_connection(address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(request * 200)  # tens of megabytes of answers
        with pytest.raises(OSError):  # the other side is closed
            for _ in range(300):
                client.sendall(b"\r\n")
                time.sleep(0.1)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
def test_an_ipv6_host_is_asked_where_it_listens(settings: Settings, db: Database) -> None:
    with serving(settings, "::1") as (_, port):
        for host, url in (("::1", f"http://[::1]:{port}"), ("::", f"http://[::1]:{port}")):
            http = settings.http.model_copy(update={"host": host, "port": port})
            assert api_url(settings.model_copy(update={"http": http})) == url
            assert httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("believed", "seen"),
    [("127.0.0.1", "203.0.113.7"), ("10.0.0.0/8,127.0.0.0/8", "203.0.113.7"), ("10.0.0.1", None)],
)
def test_a_proxy_is_believed_where_the_settings_say_so(believed: str, seen: str | None) -> None:
    port = free_port()
    run = subprocess.Popen([sys.executable, "-c", ECHO, str(port), believed])
    headers = {"X-Forwarded-For": "203.0.113.7"}

    def ask() -> str | None:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/", headers=headers, trust_env=False).text
        except httpx2.TransportError:
            return None

    try:
        assert wait_for(ask) == (seen or "127.0.0.1")
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(timeout=20)


def test_many_streams_cost_one_look(
    settings: Settings, client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = client.post("/upload", files={"file": photo("temple")}).json()["analysis_id"]
    looks = 0
    first = answers.Answers._look

    def counted(self: answers.Answers, ids: list) -> dict:
        nonlocal looks
        looks += 1
        return first(self, ids)

    monkeypatch.setattr(answers.Answers, "_look", counted)
    monkeypatch.setattr(answers, "MAX_STREAMS_OF_ONE", 30)
    with serving(settings) as address:
        request = f"GET /v1/analyses/{posted}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        clients = []
        for _ in range(30):
            clients.append(socket.create_connection(address))
            clients[-1].sendall(request)
        for each in clients:
            each.settimeout(20)
            seen = b""
            while b'"queued"' not in seen:
                seen += each.recv(65_536)
        looks, began = 0, time.monotonic()
        time.sleep(2)
        assert 0 < looks <= (time.monotonic() - began) / answers.LOOK_EVERY_S + 1
        url = f"http://{address[0]}:{address[1]}/v1/analyses/{posted}/events"
        refused = httpx2.get(url, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert refused.headers["retry-after"]
        for each in clients:
            each.close()

        def room() -> bool:
            with httpx2.stream("GET", url, trust_env=False) as stream:
                return stream.status_code == 200

        wait_for(room, timeout_s=30)


def test_readiness_takes_no_connection_of_its_own(
    settings: Settings, client: TestClient, db: Database
) -> None:
    assert client.get("/readyz").status_code == 503  # no worker runs here
    taken = []
    with pytest.raises(psycopg.OperationalError):
        while len(taken) < 500:
            taken.append(psycopg.connect(settings.database_url or ""))
    try:
        checks = client.get("/readyz").json()["checks"]
        assert checks["database"] == {"ok": True, "detail": "at the newest migration"}
    finally:
        for conn in taken:
            conn.close()


def test_readiness_says_that_the_database_hangs_and_asks_it_once(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oracle.api.routes import health

    asked, go_on = [], threading.Event()

    def hang(_services: object) -> dict[str, health.Check]:
        asked.append(1)
        go_on.wait(30)
        return {}

    monkeypatch.setattr(health, "_checks", hang)
    began = time.monotonic()
    for _ in range(2):
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["detail"].startswith("silent")
    assert time.monotonic() - began < 3 * PROBE_S
    assert len(asked) == 1
    go_on.set()


def test_figures_that_take_long_are_asked_for_once(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"oracle_node_database_up 1.0" in client.get("/metrics").content
    asked, go_on = [], threading.Event()

    def hang(*_collectors: object) -> bytes:
        asked.append(1)
        go_on.wait(30)
        return b""

    monkeypatch.setattr(metrics, "exposition", hang)
    time.sleep(app_module.METRICS_KEEP_S)
    for _ in range(2):
        answer = client.get("/metrics")
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert len(asked) == 1
    go_on.set()
