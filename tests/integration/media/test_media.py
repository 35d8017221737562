"""Playing what is stored: a player asks for parts, and gets those from the store, not the whole
file each time.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.gcs import emulator_client, running_gcs
from support.photos import photo

from oracle import app as app_module
from oracle.settings import Settings
from storage.blobs import blob_key

Post = Callable[..., dict[str, Any]]
PHOTO = photo("temple")


def test_parts_and_the_whole_come_with_their_headers(client: TestClient, post: Post) -> None:
    url = f"/works/{post(PHOTO, 'alice')['work']['id']}/media"
    whole = client.get(url)
    assert whole.status_code == 200 and whole.content == PHOTO
    assert (
        whole.headers["accept-ranges"] == "bytes" and whole.headers["content-type"] == "image/jpeg"
    )
    etag = whole.headers["etag"]
    assert etag == f'"{hashlib.sha256(PHOTO).hexdigest()}"'
    part = client.get(url, headers={"Range": "bytes=100-299", "If-Range": etag})
    assert part.status_code == 206 and part.content == PHOTO[100:300]
    assert (
        part.headers["content-range"] == f"bytes 100-299/{len(PHOTO)}"
        and part.headers["content-length"] == "200"
    )
    assert client.get(url, headers={"Range": "bytes=-7"}).content == PHOTO[-7:]
    changed = client.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert changed.status_code == 200 and changed.content == PHOTO
    beyond = client.get(url, headers={"Range": f"bytes={len(PHOTO)}-"})
    assert beyond.status_code == 416 and beyond.json()["code"] == "range_not_satisfiable"
    assert beyond.headers["content-range"] == f"bytes */{len(PHOTO)}"


def test_a_part_is_read_without_reading_the_file(
    client: TestClient, post: Post, settings: Settings
) -> None:
    """A film of a gibibyte with a hole in it stands in for the stored file: a copy of it would
    be noticed.
    """
    judged = post(PHOTO, "alice")
    stored = Path(settings.data_dir) / "blobs" / blob_key(hashlib.sha256(PHOTO).digest())
    assert stored.read_bytes() == PHOTO
    with stored.open("r+b") as file:
        file.truncate(1 << 30)
    before = bytes_read()
    part = client.get(f"/works/{judged['work']['id']}/media", headers={"Range": "bytes=0-99"})
    assert part.status_code == 206 and part.content == PHOTO[:100]
    assert bytes_read() - before < 16 << 20


def bytes_read() -> int:
    """What this process has asked the kernel to read so far, from files and sockets."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


def test_an_erased_work_and_a_lost_blob_are_said_to_be_so(
    client: TestClient, post: Post, settings: Settings
) -> None:
    judged = post(PHOTO, "alice")
    url = f"/works/{judged['work']['id']}/media"
    (Path(settings.data_dir) / "blobs" / blob_key(hashlib.sha256(PHOTO).digest())).unlink()
    lost = client.get(url, headers={"Range": "bytes=0-9"})
    assert lost.status_code == 500 and lost.json()["code"] == "blob_missing"
    client.delete(f"/v1/works/{judged['work']['id']}", headers={"Authorization": "Bearer operator"})
    assert client.get(url).status_code == 404


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_gcs(tmp_path_factory.mktemp("gcs") / "gcs.log") as url:
        yield emulator_client(url).create_bucket("media"), url


def test_parts_come_from_a_bucket_as_well(
    settings: Settings, post: Post, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, url = bucket
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    work_id = post(PHOTO, "alice")["work"]["id"]
    kept.blob(blob_key(hashlib.sha256(PHOTO).digest())).upload_from_string(PHOTO)
    elsewhere = settings.model_copy(update={"blobs_url": f"gs://{kept.name}"})
    with TestClient(app_module.create_app(elsewhere), raise_server_exceptions=False) as client:
        part = client.get(f"/works/{work_id}/media", headers={"Range": "bytes=1000-1999"})
        assert part.status_code == 206 and part.content == PHOTO[1000:2000]
