"""A checkpoint comes from the hub whole and checked, in as many tries as it takes."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.hub import Hub, running_hub
from support.waiting import wait_for

pytest.importorskip("huggingface_hub", reason="set up without the extra `clip`")

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image.clip_download import fetch_checkpoint

SIZE = 5 * 2**20 + 123
CONTENT = np.random.default_rng(3).bytes(SIZE)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "open_clip_model.safetensors"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    content = tmp_path / "served"
    content.write_bytes(CONTENT)
    with running_hub(content) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    return path


def fetch(hub: Hub, folder: Path, expected: str | None = None) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    digest = fetch_checkpoint(
        folder,
        "owner/model",
        NAME,
        expected=expected,
        endpoint=hub.url,
        progress=lambda _stage, done, total: told.append((done, total)),
    )
    assert (folder / digest / NAME).read_bytes() == CONTENT
    assert list(folder.glob("*.part")) == []
    return told


def test_the_file_is_fetched_and_progress_told(hub: Hub, folder: Path) -> None:
    told = fetch(hub, folder, expected=SHA256)
    assert told[0] == (0, SIZE) and told[-1] == (SIZE, SIZE)
    assert len(told) > 5 and told == sorted(told)
    assert hub.starts == [0]


def test_what_breaks_off_is_gone_on_with(hub: Hub, folder: Path) -> None:
    hub.cut_at = [2_000_000, 4_000_000]
    fetch(hub, folder)
    assert hub.starts == [0, 2_000_000, 4_000_000]


def test_a_hub_that_knows_no_ranges_sends_all_of_it_again(hub: Hub, folder: Path) -> None:
    hub.cut_at, hub.ignores_ranges = [2_000_000], True
    fetch(hub, folder)
    assert hub.starts == [0, 0]


def test_a_kill_loses_nothing_of_what_is_here(hub: Hub, folder: Path) -> None:
    hub.cut_at = [3_000_000]
    program = (
        "import sys; from pathlib import Path; from embeddings.image.clip_download import"
        " fetch_checkpoint;fetch_checkpoint(Path(sys.argv[1]), 'owner/model', sys.argv[2],"
        " expected=None, endpoint=sys.argv[3], progress=lambda stage, done, total: print(done,"
        " flush=True))"
    )
    part = folder / f"{SHA256}.part"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder), NAME, hub.url], stdout=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: hub.starts == [0] and part.exists() and part.stat().st_size > 0)
        hub.open.clear()  # the rest does not come while it lives
        wait_for(lambda: not hub.cut_at and part.stat().st_size == 3_000_000)
        process.kill()
    hub.open.set()
    wait_for(lambda: process.poll() is not None)
    hub.starts.clear()
    told = fetch(hub, folder)
    assert hub.starts == [3_000_000] and told[0] == (3_000_000, SIZE)


def test_another_file_is_refused_and_thrown_away(hub: Hub, folder: Path) -> None:
    hub.etag = "ab" * 32
    with pytest.raises(WeightsMismatch, match=SHA256):
        fetch(hub, folder)
    assert list(folder.iterdir()) == []
    hub.etag = SHA256
    fetch(hub, folder)
    assert hub.starts == [0, 0]


def test_a_hub_that_names_no_checksum_is_not_believed(hub: Hub, folder: Path) -> None:
    hub.etag = "33a64df551425fcc55e4d42a148795d9f25f89d4"
    with pytest.raises(ModelUnavailable, match="ORACLE_CLIP__SHA256"):
        fetch(hub, folder)
    fetch(hub, folder, expected=SHA256)


def test_a_hub_that_gives_up_says_so_and_what_came_is_kept(hub: Hub, folder: Path) -> None:
    hub.cut_at = [1_000_000] * 20
    with pytest.raises(ModelUnavailable, match="cannot be fetched"):
        fetch(hub, folder)
    assert hub.starts == [0] + [1_000_000] * 5
    hub.cut_at = []
    assert fetch(hub, folder)[0] == (1_000_000, SIZE)
