"""Keys of blobs, and the check that content matches its key."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.blobs.errors import BlobCorrupt, InvalidBlobKey

CONTENT_PREFIX = "sha256/"
CONTENT_KEY = re.compile(r"sha256/[0-9a-f]{2}/[0-9a-f]{62}")
# No part begins with a dot: no way out of a folder, no hidden file, no temporary name.
PLAIN_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
MAX_KEY = 512


def blob_key(sha256: bytes) -> str:
    """Return the key of content by its digest (32 bytes): "sha256/ab/cdef...", 256 folders."""
    digest = sha256.hex()
    if len(digest) != 64:
        raise InvalidBlobKey(f"A SHA-256 digest has 32 bytes, not {len(sha256)}.")
    return f"{CONTENT_PREFIX}{digest[:2]}/{digest[2:]}"


def content_hash(key: str) -> bytes:
    """Return the digest (32 bytes) in a content key. Raises: InvalidBlobKey for any other key."""
    if not CONTENT_KEY.fullmatch(key):
        raise InvalidBlobKey(f"{key[:80]!r} is not the key of content.")
    return bytes.fromhex(key.removeprefix(CONTENT_PREFIX).replace("/", ""))


def check_key(key: str) -> str:
    """Return the key if it is valid. Raises: InvalidBlobKey."""
    pattern = CONTENT_KEY if key.startswith(CONTENT_PREFIX) else PLAIN_KEY
    if len(key) > MAX_KEY or not pattern.fullmatch(key):
        raise InvalidBlobKey(f"{key[:80]!r} is not a key of a blob.")
    return key


def check_new_content(key: str, sha256: bytes) -> None:
    """Raise InvalidBlobKey if a content key does not name this content."""
    if key.startswith(CONTENT_PREFIX) and blob_key(sha256) != key:
        raise InvalidBlobKey(f"The key {key} is not that of the content, {blob_key(sha256)}.")


def check_stored_content(key: str, path: Path) -> None:
    """Raise BlobCorrupt if a content key does not name what was read back."""
    if key.startswith(CONTENT_PREFIX) and blob_key(digest_of(path)) != key:
        raise BlobCorrupt(
            f"What is stored under {key} are not the bytes that were put there. Restore it from a"
            " backup."
        )


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@dataclass(frozen=True)
class Source:
    """Content to be stored."""

    path: Path
    sha256: bytes


@contextmanager
def as_source(content: Path | BinaryIO) -> Iterator[Source]:
    """Yield a file with the content: itself, or a temporary copy of the rest of a stream."""
    if isinstance(content, Path):
        yield Source(content, digest_of(content))
        return
    with tempfile.NamedTemporaryFile(prefix="blob-") as copy:
        shutil.copyfileobj(content, copy)
        copy.flush()
        path = Path(copy.name)
        yield Source(path, digest_of(path))
