"""The interface of blob stores, and the choice by URL."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from storage.blobs.errors import InvalidBlobUrl
from storage.blobs.gcs import GcsBlobs, new_client
from storage.blobs.local import LocalBlobs


class BlobStore(Protocol):
    """Write-once storage.

    Every method may raise BlobStoreUnavailable, and InvalidBlobKey where it takes a key.
    """

    def put(self, content: Path | BinaryIO, key: str) -> None:
        """Store content; storing the same content again is allowed. Raises: BlobConflict."""

    def open(self, key: str) -> BinaryIO:
        """Return a reader of the content; the caller closes it. Raises: BlobMissing."""

    def fetch(self, key: str, path: Path) -> None:
        """Copy the content into a file and check it. Raises: BlobMissing, BlobCorrupt."""

    def read_part(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Return `length` bytes from offset `first` on, in pieces; only these are read, so nothing
        is checked.

        A missing blob is reported before the first piece.
        Raises: BlobMissing, BlobCorrupt where the blob is too short.
        """

    def exists(self, key: str) -> bool:
        """Return whether there is a blob under this key."""

    def list_content(self) -> Iterator[tuple[str, datetime]]:
        """Yield (content key, time stored) of every blob, in no order."""

    def delete(self, key: str, *, within_s: float | None = None) -> None:
        """Delete a blob if it exists.

        `within_s`: one try with this timeout, for callers that hold up others meanwhile.
        """


def open_blobs(url: str) -> BlobStore:
    """Open the store of file:///absolute/folder or gs://bucket/prefix; there is no fallback.

    Raises: InvalidBlobUrl, BlobStoreUnavailable.
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme == "file" and not parts.netloc and Path(path).is_absolute():
        return LocalBlobs(Path(path))
    if parts.scheme == "gs" and parts.netloc:
        return GcsBlobs(parts.netloc, new_client(), prefix=path)
    raise InvalidBlobUrl(
        f"{url!r} is not the URL of a blob store: file:///absolute/folder or gs://bucket/prefix."
    )
