"""Both blob stores, by one set of tests; the bucket is a real HTTP emulator's."""

import hashlib
import io
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.anvil import free_port
from support.gcs import emulator_client, running_gcs

from storage.blobs import (
    BlobConflict,
    BlobCorrupt,
    BlobMissing,
    BlobStore,
    BlobStoreUnavailable,
    GcsBlobs,
    InvalidBlobKey,
    InvalidBlobUrl,
    LocalBlobs,
    blob_key,
    content_hash,
    open_blobs,
)
from storage.blobs.gcs import new_client, stream_object

CONTENT = b"every byte of it" * 1000
KEY = blob_key(hashlib.sha256(CONTENT).digest())


@pytest.fixture(scope="module")
def gcs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_gcs(tmp_path_factory.mktemp("gcs") / "gcs.log") as url:
        yield url


@pytest.fixture
def bucket(gcs_url: str) -> Any:
    return emulator_client(gcs_url).create_bucket(f"media-{uuid.uuid4().hex}")


@pytest.fixture(params=["local", "gcs"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "local":
        return LocalBlobs(tmp_path / "blobs")
    bucket = request.getfixturevalue("bucket")
    return GcsBlobs(bucket.name, bucket.client, prefix="oracle/media")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(CONTENT)
    return path


def test_what_is_put_comes_back(blobs: BlobStore, file: Path, tmp_path: Path) -> None:
    assert not blobs.exists(KEY)
    blobs.put(file, KEY)
    assert blobs.exists(KEY)
    blobs.fetch(KEY, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT
    with blobs.open(KEY) as stream:
        assert stream.read() == CONTENT
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("first", "length"), [(0, 1), (0, 16_000), (15_999, 1), (700, 9_000), (5, 0)]
)
def test_a_part_can_be_read(
    blobs: BlobStore, file: Path, monkeypatch: pytest.MonkeyPatch, first: int, length: int
) -> None:
    for module in ("local", "gcs"):
        # so that a part is several pieces
        monkeypatch.setattr(f"storage.blobs.{module}.PIECE_BYTES", 4_000)
    blobs.put(file, KEY)
    assert b"".join(blobs.read_part(KEY, first, length)) == CONTENT[first : first + length]


def test_a_part_of_what_is_missing_or_too_short_is_no_part(blobs: BlobStore, file: Path) -> None:
    with pytest.raises(BlobMissing, match=KEY):
        blobs.read_part(KEY, 0, 1)  # before anything is taken from it
    blobs.put(file, KEY)
    for first, length in ((15_999, 2), (20_000, 1)):
        with pytest.raises(BlobCorrupt, match="ends"):
            list(blobs.read_part(KEY, first, length))


def test_a_stream_can_be_put(blobs: BlobStore) -> None:
    blobs.put(io.BytesIO(CONTENT), "exports/2026/all.bin")
    with blobs.open("exports/2026/all.bin") as stream:
        assert stream.read() == CONTENT


def test_the_same_again_is_fine_and_other_bytes_are_not(blobs: BlobStore, file: Path) -> None:
    blobs.put(file, "exports/a")
    blobs.put(file, "exports/a")
    with pytest.raises(BlobConflict, match="exports/a"):
        blobs.put(io.BytesIO(b"other"), "exports/a")
    with blobs.open("exports/a") as stream:
        assert stream.read() == CONTENT


def test_of_many_writers_at_once_one_content_wins_whole(blobs: BlobStore) -> None:
    contents = [bytes([n]) * 200_000 for n in range(8)]

    def put(content: bytes) -> bool:
        try:
            blobs.put(io.BytesIO(content), "exports/raced")
        except BlobConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, contents))
    assert won.count(True) == 1
    with blobs.open("exports/raced") as stream:
        assert stream.read() == contents[won.index(True)]


def test_a_content_key_must_name_the_content(blobs: BlobStore) -> None:
    with pytest.raises(InvalidBlobKey, match="not that of the content"):
        blobs.put(io.BytesIO(b"something else"), KEY)
    assert not blobs.exists(KEY)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        ".incoming/x",
        "a/.b",
        "sha256/zz/x",
        "sha256/ab",
        "a\nb",
        "a" * 513,
    ],
)
def test_a_key_leads_nowhere_else(blobs: BlobStore, key: str) -> None:
    with pytest.raises(InvalidBlobKey):
        blobs.put(io.BytesIO(b"x"), key)
    with pytest.raises(InvalidBlobKey):
        blobs.exists(key)


def test_what_is_missing_is_said_to_be(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(BlobMissing, match=KEY):
        blobs.fetch(KEY, tmp_path / "copy")
    with pytest.raises(BlobMissing, match=KEY):
        blobs.open(KEY)
    blobs.delete(KEY)  # nothing to delete is no error


def test_a_deleted_blob_is_gone_and_may_come_again(blobs: BlobStore, file: Path) -> None:
    blobs.put(file, KEY)
    blobs.delete(KEY)
    assert not blobs.exists(KEY)
    blobs.put(file, KEY)
    assert blobs.exists(KEY)


def test_content_is_listed_with_the_time_it_was_stored(blobs: BlobStore, file: Path) -> None:
    assert list(blobs.list_content()) == []
    blobs.put(file, KEY)
    blobs.put(file, "exports/all.bin")
    [(key, stored_at)] = blobs.list_content()
    assert key == KEY and content_hash(key) == hashlib.sha256(CONTENT).digest()
    assert abs(datetime.now(UTC) - stored_at) < timedelta(minutes=1)
    with pytest.raises(InvalidBlobKey):
        content_hash("exports/all.bin")


def test_strangers_files_in_the_folder_are_not_listed(file: Path, tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    blobs.put(file, KEY)
    (tmp_path / "blobs" / "sha256" / "notes.txt").write_text("x")
    (tmp_path / "blobs" / KEY).with_name("README").write_text("x")
    assert [key for key, _ in blobs.list_content()] == [KEY]


def test_changed_bytes_are_noticed_in_a_folder(file: Path, tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    blobs.put(file, KEY)
    (tmp_path / "blobs" / KEY).write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(BlobCorrupt, match=KEY):
        blobs.fetch(KEY, tmp_path / "copy")
    with pytest.raises(BlobConflict):
        blobs.put(file, KEY)


def test_changed_bytes_are_noticed_in_a_bucket(bucket: Any, tmp_path: Path) -> None:
    bucket.blob(KEY).upload_from_string(b"not it")
    with pytest.raises(BlobCorrupt, match=KEY):
        GcsBlobs(bucket.name, bucket.client).fetch(KEY, tmp_path / "copy")


KILLED_PUT = """
import os, sys, threading, time
from pathlib import Path
from storage.blobs import LocalBlobs
blobs = LocalBlobs(Path(sys.argv[1]))
real = os.fsync
os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
blobs.put(Path(sys.argv[2]), sys.argv[3])
"""


def test_a_kill_in_the_middle_of_a_put_leaves_no_half_blob(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    LocalBlobs(root).put(io.BytesIO(b"first"), "exports/first")  # the folders are there
    done = subprocess.run(
        [sys.executable, "-c", KILLED_PUT, str(root), str(file), "exports/killed"], check=False
    )
    assert done.returncode == -9
    blobs = LocalBlobs(root)
    assert not blobs.exists("exports/killed")
    [left] = (root / ".incoming").iterdir()
    os.utime(left, (0, 0))
    LocalBlobs(root)
    assert list((root / ".incoming").iterdir()) == []


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path, file: Path) -> None:
    (tmp_path / "in the way").write_text("a file")
    with pytest.raises(BlobStoreUnavailable):
        LocalBlobs(tmp_path / "in the way" / "blobs")


def test_a_bucket_that_does_not_exist_is_reported(gcs_url: str, file: Path) -> None:
    with pytest.raises(BlobStoreUnavailable, match="bucket does not exist"):
        GcsBlobs("no-such-bucket", emulator_client(gcs_url)).put(file, KEY)


def test_a_service_that_is_away_is_reported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.blobs.gcs.RETRY_FOR_S", 0.5)
    away = GcsBlobs("media", emulator_client(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(BlobStoreUnavailable, match="right now"):
        away.put(file, KEY)


def test_a_url_opens_the_store_it_names(tmp_path: Path, file: Path) -> None:
    blobs = open_blobs((tmp_path / "with space").as_uri())
    blobs.put(file, KEY)
    assert (tmp_path / "with space" / KEY).read_bytes() == CONTENT


def test_a_gs_url_opens_a_bucket_and_never_a_folder(
    bucket: Any, gcs_url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_url)
    open_blobs(f"gs://{bucket.name}/some/prefix").put(file, KEY)
    assert bucket.blob(f"some/prefix/{KEY}").download_as_bytes() == CONTENT


def test_without_credentials_a_bucket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    with pytest.raises(BlobStoreUnavailable, match="no Google credentials"):
        open_blobs("gs://media")


@pytest.mark.parametrize(
    "url", ["", "/tmp/blobs", "file://host/x", "file:relative", "gs://", "s3://bucket", "ftp://x/y"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidBlobUrl, match=r"gs://bucket/prefix"):
        open_blobs(url)


def test_any_object_can_be_streamed(bucket: Any) -> None:
    bucket.blob("films/a b.mp4").upload_from_string(CONTENT)
    assert b"".join(stream_object(bucket.client, bucket.name, "films/a b.mp4")) == CONTENT
    with pytest.raises(BlobMissing):
        list(stream_object(bucket.client, bucket.name, "films/none"))


def test_a_client_of_the_emulator_needs_no_credentials(
    gcs_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_url)
    assert list(new_client().list_buckets(project="test")) is not None
