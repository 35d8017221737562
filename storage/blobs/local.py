"""Blobs in a local folder."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from storage.blobs.errors import BlobConflict, BlobCorrupt, BlobMissing, BlobStoreUnavailable
from storage.blobs.keys import (
    CONTENT_KEY,
    CONTENT_PREFIX,
    as_source,
    check_key,
    check_new_content,
    check_stored_content,
    digest_of,
)

# Half-written files of a crash are deleted after this; no upload takes so long.
STALE_AFTER_S = 24 * 3600.0
PIECE_BYTES = 1 << 18


class LocalBlobs:
    """One file per blob. A blob appears whole or not at all, and is on disk when put() returns."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._incoming = self._root / ".incoming"  # no key begins with a dot
        with _translated():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._drop_stale()

    def put(self, content: Path | BinaryIO, key: str) -> None:
        """Store content; storing the same content again is allowed.

        Raises: BlobConflict, InvalidBlobKey, BlobStoreUnavailable.
        """
        target = self._path(key)
        with as_source(content) as source, _translated():
            check_new_content(key, source.sha256)
            self._make_folder(target.parent)
            descriptor, name = tempfile.mkstemp(dir=self._incoming)
            draft = Path(name)
            try:
                with source.path.open("rb") as original, os.fdopen(descriptor, "wb") as copy:
                    shutil.copyfileobj(original, copy)
                    copy.flush()
                    os.fsync(copy.fileno())
                try:
                    os.link(draft, target)  # unlike a rename, never overwrites a blob
                except FileExistsError:
                    if digest_of(target) != source.sha256:
                        raise BlobConflict(f"Other bytes are already stored under {key}.") from None
                _sync_folder(target.parent)
            finally:
                draft.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        """Return a reader of the content; the caller closes it.

        Raises: BlobMissing, BlobStoreUnavailable.
        """
        with _translated(key):
            return self._path(key).open("rb")

    def fetch(self, key: str, path: Path) -> None:
        """Copy the content into a file. Raises: BlobMissing, BlobCorrupt, BlobStoreUnavailable."""
        with _translated(key):
            shutil.copyfile(self._path(key), path)
        check_stored_content(key, path)

    def read_part(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Return `length` bytes from offset `first` on, in pieces, unchecked.

        Raises: BlobMissing, BlobCorrupt where the file is too short, BlobStoreUnavailable.
        """
        return _pieces(self.open(key), key, first, length)

    def exists(self, key: str) -> bool:
        with _translated():
            return self._path(key).is_file()

    def list_content(self) -> Iterator[tuple[str, datetime]]:
        """Yield (content key, time stored) of every blob, in no order.

        Raises: BlobStoreUnavailable.
        """
        folders = self._root / CONTENT_PREFIX
        with _translated():
            for folder in sorted(folders.iterdir()) if folders.is_dir() else []:
                for file in folder.iterdir() if folder.is_dir() else []:
                    key = f"{CONTENT_PREFIX}{folder.name}/{file.name}"
                    if not CONTENT_KEY.fullmatch(key):  # not written by this store
                        continue
                    try:
                        stored_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                    except FileNotFoundError:  # deleted since the listing
                        continue
                    yield key, stored_at

    def delete(self, key: str, *, within_s: float | None = None) -> None:  # noqa: ARG002
        """Delete a blob if it exists; `within_s` has no effect on a disk."""
        with _translated():
            self._path(key).unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        """Create the folder and sync its parent, or a power cut could lose the blob with it."""
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _drop_stale(self) -> None:
        for draft in self._incoming.iterdir():
            if time.time() - draft.stat().st_mtime > STALE_AFTER_S:
                draft.unlink(missing_ok=True)


def _pieces(file: BinaryIO, key: str, first: int, length: int) -> Iterator[bytes]:
    with file, _translated(key):
        file.seek(first)
        while length > 0:
            piece = file.read(min(length, PIECE_BYTES))
            if not piece:
                raise BlobCorrupt(
                    f"The blob {key} ends {length} bytes too early. Restore it from a backup."
                )
            length -= len(piece)
            yield piece


@contextmanager
def _translated(key: str = "") -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        if key:
            raise BlobMissing(f"There is no blob {key}.") from exc
        raise BlobStoreUnavailable(f"The blob folder is gone: {exc}") from exc
    except OSError as exc:
        raise BlobStoreUnavailable(f"The blob folder cannot be used: {exc}") from exc


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
