"""The oracle on a database and a chain that somebody else runs."""

import gzip
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.anvil import AnvilNode
from support.photos import photo
from support.waiting import wait_for

from oracle.chain.contracts import verify
from oracle.demo.stage import running_oracle


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, set[str]]]]:
    """A collector of traces: its address, and the names of the spans by trace."""
    spans: dict[str, set[str]] = defaultdict(set)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    spans[span.trace_id.hex()].add(span.name)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()


def oracle(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "oracle", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(300)
def test_contracts_are_deployed_to_the_given_chain_and_the_given_database_is_used(
    tmp_path: Path, database_dsn: str, anvil: AnvilNode
) -> None:
    file = tmp_path / "deployment.json"
    settings = {
        "CHAIN_RPC_URL": anvil.url,
        "ORACLE_CHAIN__KEY": anvil.account().key.hex(),
        "ORACLE_CHAIN__DEPLOYMENT": str(file),
        "ORACLE_CHAIN__CHAIN_ID": str(anvil.chain_id),
        # Not the folder of who runs the tests: its blob store would belong to this test's database.
        "ORACLE_DATA_DIR": str(tmp_path),
    }
    deployed = oracle("deploy", str(file), **settings)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    with (
        collector() as (endpoint, spans),
        running_oracle(
            tmp_path,
            settings | {"DATABASE_URL": database_dsn, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        ) as stage,
    ):
        assert stage.dsn == database_dsn
        answer = stage.api.post(
            "/upload", files={"file": photo("cat")}, data={"creator": "alice"}
        ).json()
        assert answer["attestation"]["status"] == "included"
        assert verify.has_badge(stage.chain, bytes.fromhex(answer["work"]["post_id"][2:]))
        # The API shows what the worker counted, too.
        figures = stage.api.get("/metrics").text
        assert 'oracle_verdicts_total{media_type="image",verdict="original"} 1.0' in figures
        assert 'route="/v1/uploads"' in figures
        # One trace by the number of the analysis, from three processes.
        number = UUID(answer["analysis_id"]).hex
        of_it = {"upload", "work", "extract", "search", "verify", "conclude", "attest"}
        anvil.mine(100)
        wait_for(lambda: of_it <= spans[number])
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "chain").exists()

    foreign = tmp_path / "second.json"
    assert oracle("deploy", str(foreign), **settings).returncode == 0
    other_hub = oracle(
        "node",
        **(settings | {"DATABASE_URL": database_dsn, "ORACLE_CHAIN__DEPLOYMENT": str(foreign)}),
    )
    assert other_hub.returncode == 1
    assert "foreign_deployment" in other_hub.stdout


@pytest.mark.parametrize(
    ("command", "env", "code"),
    [
        ("deploy", {"ORACLE_CHAIN__CHAIN_ID": "1"}, "wrong_chain"),
        ("deploy", {"ORACLE_CHAIN__KEY": "0x12"}, "signing_failed"),
        ("node", {"DATABASE_URL": ""}, "configuration_error"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(
    command: str, env: dict[str, str], code: str, tmp_path: Path, anvil: AnvilNode
) -> None:
    base = {"CHAIN_RPC_URL": anvil.url, "ORACLE_CHAIN__KEY": anvil.account().key.hex()}
    arguments = [command] + ([str(tmp_path / "deployment.json")] if command == "deploy" else [])
    refused = oracle(*arguments, **{**base, **env})
    assert refused.returncode == 1
    assert refused.stdout.startswith(code)
    assert "Traceback" not in refused.stdout + refused.stderr
