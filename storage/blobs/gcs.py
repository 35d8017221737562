"""Blobs in a bucket of Google Cloud Storage."""

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from storage.blobs.errors import (
    BlobConflict,
    BlobCorrupt,
    BlobMissing,
    BlobStoreRefused,
    BlobStoreUnavailable,
    NoCredentials,
)
from storage.blobs.keys import (
    CONTENT_KEY,
    CONTENT_PREFIX,
    as_source,
    check_key,
    check_new_content,
    check_stored_content,
)

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.storage import Blob, Client  # type: ignore[import-untyped]

# The library's default is two minutes; our callers retry themselves and tell the user.
RETRY_FOR_S = 30.0
REQUEST_TIMEOUT_S = 60.0
PIECE_BYTES = 1 << 20  # a request of read_part; at most this much is fetched in vain


class GcsBlobs:
    """One object per blob, written once: every upload requires generation 0 (no such object)."""

    def __init__(self, bucket: str, client: "Client", *, prefix: str = "") -> None:
        self._bucket = client.bucket(bucket)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, content: Path | BinaryIO, key: str) -> None:
        """Store content; storing the same content again is allowed.

        Raises: BlobConflict, InvalidBlobKey, BlobStoreUnavailable.
        """
        from google.api_core.exceptions import PreconditionFailed

        blob = self._blob(key)
        with as_source(content) as source, _translated():
            check_new_content(key, source.sha256)
            try:
                blob.upload_from_filename(
                    source.path,
                    content_type="application/octet-stream",
                    if_generation_match=0,
                    checksum="crc32c",
                    timeout=REQUEST_TIMEOUT_S,
                    retry=_retry(),
                )
            except PreconditionFailed:
                # It exists: from another upload, or from our own try whose answer was lost.
                blob.reload(timeout=REQUEST_TIMEOUT_S, retry=_retry())
                if blob.md5_hash != _md5(source.path):
                    raise BlobConflict(f"Other bytes are already stored under {key}.") from None

    def open(self, key: str) -> BinaryIO:
        """Return a reader of the content; the caller closes it.

        Raises: BlobMissing, BlobCorrupt, BlobStoreUnavailable.
        """
        with tempfile.TemporaryDirectory(prefix="blob-") as folder:
            copy = Path(folder) / "content"
            self.fetch(key, copy)
            return copy.open("rb")  # an open file outlives its name

    def fetch(self, key: str, path: Path) -> None:
        """Copy the content into a file. Raises: BlobMissing, BlobCorrupt, BlobStoreUnavailable."""
        with _translated(key):
            self._blob(key).download_to_filename(
                path, checksum="crc32c", timeout=REQUEST_TIMEOUT_S, retry=_retry()
            )
        check_stored_content(key, path)

    def read_part(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Return `length` bytes from offset `first` on, a request per MiB, unchecked.

        Raises: BlobMissing, BlobCorrupt where the object is too short, BlobStoreUnavailable.
        """
        blob = self._blob(key)
        pieces = _pieces(blob, key, first, length)
        first_piece = next(pieces, b"")  # report a missing blob now, not in the middle of an answer
        return chain((first_piece,), pieces) if first_piece else iter(())

    def exists(self, key: str) -> bool:
        """Return whether there is a blob under this key. Raises: BlobStoreUnavailable."""
        with _translated():
            return bool(self._blob(key).exists(timeout=REQUEST_TIMEOUT_S, retry=_retry()))

    def list_content(self) -> Iterator[tuple[str, datetime]]:
        """Yield (content key, time stored) of every blob, in no order.

        Raises: BlobStoreUnavailable.
        """
        with _translated():
            blobs = self._bucket.list_blobs(
                prefix=self._prefix + CONTENT_PREFIX, timeout=REQUEST_TIMEOUT_S, retry=_retry()
            )
            for blob in blobs:
                key = blob.name.removeprefix(self._prefix)
                if CONTENT_KEY.fullmatch(key):
                    yield key, blob.time_created

    def delete(self, key: str, *, within_s: float | None = None) -> None:
        """Delete a blob if it exists; `within_s`: in one try with this timeout.

        Raises: BlobStoreUnavailable.
        """
        with _ignore_missing(), _translated(key):
            retry = _retry() if within_s is None else None
            self._blob(key).delete(timeout=within_s or REQUEST_TIMEOUT_S, retry=retry)

    def _blob(self, key: str) -> "Blob":
        return self._bucket.blob(self._prefix + check_key(key))


def new_anonymous_client() -> "Client":
    """Return a client without credentials, which reads public objects.

    Raises: BlobStoreUnavailable if the library is not installed.
    """
    try:
        from google.cloud.storage import Client
    except ImportError as exc:
        raise BlobStoreUnavailable(
            "gs:// needs the package google-cloud-storage. Run: pip install google-cloud-storage"
        ) from exc
    return Client.create_anonymous_client()


def new_client() -> "Client":
    """Return a client with this machine's credentials, or the emulator's (STORAGE_EMULATOR_HOST).

    Raises: NoCredentials, BlobStoreUnavailable if the library is not installed.
    """
    try:
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud.storage import Client
    except ImportError as exc:
        raise BlobStoreUnavailable(
            "gs:// needs the package google-cloud-storage. Run: pip install google-cloud-storage"
        ) from exc
    try:
        return Client()
    # OSError: without credentials there is no project either
    except (DefaultCredentialsError, OSError) as exc:
        raise NoCredentials from exc


def new_reader() -> "Client":
    """Return a client with credentials, or one for public objects where there are none.

    Raises: BlobStoreUnavailable.
    """
    try:
        return new_client()
    except NoCredentials:
        return new_anonymous_client()


def stream_object(
    client: "Client", bucket: str, name: str, *, chunk_bytes: int = 1 << 20
) -> Iterator[bytes]:
    """Yield the content of any object in chunks. Raises: BlobMissing, BlobStoreUnavailable."""
    with _translated(f"gs://{bucket}/{name}"):
        blob = client.bucket(bucket).blob(name, chunk_size=max(chunk_bytes, 1 << 18))
        with blob.open("rb", timeout=REQUEST_TIMEOUT_S, retry=_retry()) as reader:
            while chunk := reader.read(chunk_bytes):
                yield chunk


def _pieces(blob: "Blob", key: str, first: int, length: int) -> Iterator[bytes]:
    from google.api_core.exceptions import RequestRangeNotSatisfiable

    for start in range(first, first + length, PIECE_BYTES):
        wanted = min(PIECE_BYTES, first + length - start)
        with _translated(key):
            try:
                piece = blob.download_as_bytes(
                    start=start,
                    end=start + wanted - 1,
                    checksum=None,
                    timeout=REQUEST_TIMEOUT_S,
                    retry=_retry(),
                )
            except RequestRangeNotSatisfiable:
                piece = b""
        if len(piece) != wanted:
            raise BlobCorrupt(
                f"The blob {key} ends before byte {start + wanted}. Restore it from a backup."
            )
        yield piece


@contextmanager
def _translated(key: str = "") -> Iterator[None]:
    from google.api_core.exceptions import (
        Forbidden,
        GoogleAPICallError,
        NotFound,
        RetryError,
        Unauthorized,
    )
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except NotFound as exc:
        if key:
            raise BlobMissing(f"There is no blob {key}.") from exc
        raise BlobStoreUnavailable(f"The bucket does not exist: {exc.message}") from exc
    except (Forbidden, Unauthorized) as exc:
        raise BlobStoreRefused(f"Google Cloud Storage refuses access: {exc.message}") from exc
    except (GoogleAPICallError, RetryError, GoogleAuthError, RequestException) as exc:
        raise BlobStoreUnavailable(f"Google Cloud Storage cannot be used right now: {exc}") from exc


@contextmanager
def _ignore_missing() -> Iterator[None]:
    try:
        yield
    except BlobMissing:
        return


def _retry() -> "Retry":
    from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

    retry: Retry = DEFAULT_RETRY.with_timeout(RETRY_FOR_S)
    return retry


def _md5(path: Path) -> str:
    """Return the MD5 as the service states it.

    It detects accidents; against attacks there is the SHA-256 in the key.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
    return base64.b64encode(digest).decode()
