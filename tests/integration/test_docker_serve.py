"""The very HTTP settings of the images: what a client without a key gets, and one with."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from support.anvil import free_port
from support.photos import photo
from support.waiting import wait_for

from embeddings.sniff import MEDIA_TYPES
from oracle import wiring
from oracle.settings import Settings
from storage.works import policies
from storage.works.policies import Policy

DOCKER = Path(__file__).parents[2] / "docker"
ORACLE = (sys.executable, "-m", "oracle")


def image_settings() -> dict[str, str]:
    """The HTTP settings that the image sets."""
    lines = re.findall(r"(ORACLE_HTTP__\w+)=(\S+)", (DOCKER / "Dockerfile").read_text())
    return dict(lines)


def compose_settings() -> dict[str, str]:
    """The HTTP settings that the oracle of compose.yaml has: the image's, then its own."""
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["oracle"]
    own = {name: value for name, value in service["environment"].items() if "HTTP__" in name}
    return image_settings() | own


@pytest.fixture
def environment(database_dsn: str, tmp_path: Path) -> dict[str, str]:
    """Where a server of the test's own keeps its data."""
    db = wiring.open_database(Settings(data_dir=tmp_path, database_url=database_dsn))
    with db.transaction() as conn:
        for media_type in MEDIA_TYPES:
            policies.record(conn, Policy(1, media_type, 9_500, 10_000))
    db.close()
    bare = {name: value for name, value in os.environ.items() if "ORACLE" not in name}
    (tmp_path / "photo.jpg").write_bytes(photo("coffee"))
    return bare | {"ORACLE_DATA_DIR": str(tmp_path), "DATABASE_URL": database_dsn}


@contextmanager
def served(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Run `oracle serve` on a free port. Yields: its address on loopback."""
    port = free_port()
    process = subprocess.Popen(
        [*ORACLE, "serve"],
        env=environment | {"ORACLE_HTTP__PORT": str(port)},
        stderr=(folder / "serve.log").open("wb"),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: curl(f"{url}/healthz")[0] == 200)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def curl(url: str, *options: str) -> tuple[int, str]:
    """Return status and body that curl gets."""
    done = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", *options, url],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_compose_takes_an_upload_without_a_key(environment: dict[str, str], tmp_path: Path) -> None:
    assert compose_settings()["ORACLE_HTTP__HOST"] == "0.0.0.0"
    with served(environment | compose_settings(), tmp_path) as url:
        form = ("-F", f"file=@{tmp_path / 'photo.jpg'}")
        status, body = curl(f"{url}/upload?wait_s=0", *form)
        assert status == 202 and json.loads(body)["work"]["file_name"] == "photo.jpg"
        assert "in anybody's name" in curl(f"{url}/")[1]


def test_the_image_alone_asks_for_a_key(environment: dict[str, str], tmp_path: Path) -> None:
    strict = environment | image_settings()
    with served(strict, tmp_path) as url:
        form = ("-F", f"file=@{tmp_path / 'photo.jpg'}")
        status, body = curl(f"{url}/upload?wait_s=0", *form)
        assert status == 401 and json.loads(body)["code"] == "key_required"
        added = [*ORACLE, "keys", "add", "me", "--scope", "upload", "--scope", "read"]
        key = subprocess.run(
            added, env=strict, capture_output=True, text=True, check=True
        ).stdout.strip()
        bearer = ("-H", f"Authorization: Bearer {key}")
        assert curl(f"{url}/upload?wait_s=0", *bearer, *form)[0] == 202
        assert "in anybody's name" not in curl(f"{url}/")[1]


def test_a_server_that_strangers_reach_does_not_start_without_keys(
    environment: dict[str, str],
) -> None:
    for command in ("serve", "up"):
        refused = subprocess.run(
            [*ORACLE, command],
            env=environment | {"ORACLE_HTTP__HOST": "0.0.0.0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert refused.returncode == 1
        assert "ORACLE_HTTP__KEYS_REQUIRED=true" in refused.stdout
        assert "ORACLE_HTTP__ALLOW_KEYLESS=true" in refused.stdout
        assert "Traceback" not in refused.stdout + refused.stderr
