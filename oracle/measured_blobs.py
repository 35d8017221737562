"""A blob store whose operations are counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from oracle.metrics import BLOB_ERRORS, BLOB_SECONDS
from storage.blobs import BlobCorrupt, BlobStore, BlobStoreUnavailable


class MeasuredBlobs:
    """A blob store in front of another one; it does and raises what that does."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put(self, content: Path | BinaryIO, key: str) -> None:
        with _measured("put"):
            self._blobs.put(content, key)

    def open(self, key: str) -> BinaryIO:
        with _measured("open"):
            return self._blobs.open(key)

    def fetch(self, key: str, path: Path) -> None:
        with _measured("fetch"):
            self._blobs.fetch(key, path)

    def read_part(self, key: str, first: int, length: int) -> Iterator[bytes]:
        with _measured("read_part"):
            return self._blobs.read_part(key, first, length)

    def exists(self, key: str) -> bool:
        with _measured("exists"):
            return self._blobs.exists(key)

    def list_content(self) -> Iterator[tuple[str, datetime]]:
        return self._blobs.list_content()  # as long as its reader takes

    def delete(self, key: str, *, within_s: float | None = None) -> None:
        with _measured("delete"):
            self._blobs.delete(key, within_s=within_s)


@contextmanager
def _measured(operation: str) -> Iterator[None]:
    timer = BLOB_SECONDS.labels(operation).time()
    try:
        with timer:
            yield
    except (BlobStoreUnavailable, BlobCorrupt):
        BLOB_ERRORS.labels(operation).inc()
        raise
