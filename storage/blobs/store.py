"""What every blob store does, and the choice between them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from storage.blobs.errors import InvalidBlobUrl
from storage.blobs.gcs import GcsBlobs, new_client
from storage.blobs.local import LocalBlobs


class BlobStore(Protocol):
    """Write-once storage. Every method may raise BlobStoreUnavailable, and InvalidBlobKey where
    it takes a key.
    """

    def put(self, content: Path | BinaryIO, key: str) -> None:
        """Store content; the same content again is fine. Raises: BlobConflict."""

    def open(self, key: str) -> BinaryIO:
        """The content, to be closed by the caller. Raises: BlobMissing."""

    def fetch(self, key: str, path: Path) -> None:
        """Copy the content into a file and check it. Raises: BlobMissing, BlobCorrupt."""

    def read_part(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """`length` bytes from the one at `first` on, piece by piece; nothing else is read, so
        nothing is checked.

        What is missing is said before the first piece is taken. Raises: BlobMissing; BlobCorrupt
        where the blob ends before the part does.
        """

    def exists(self, key: str) -> bool:
        """Whether there is a blob under this key."""

    def list_content(self) -> Iterator[tuple[str, datetime]]:
        """Every blob under a content key, and when it was stored; in no order."""

    def delete(self, key: str, *, within_s: float | None = None) -> None:
        """Remove a blob, if it is there.

        `within_s`: one try of so long, for who holds up others meanwhile.
        """


def open_blobs(url: str) -> BlobStore:
    """The store behind file:///absolute/folder or gs://bucket/prefix; never another one instead.

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
