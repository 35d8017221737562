"""Write fetched bytes to a file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from oracle.fetch.errors import UriTooLarge


@dataclass(frozen=True)
class Fetched:
    """Hash and size of fetched media."""

    sha256: bytes  # 32
    size_bytes: int


def write_capped(chunks: Iterable[bytes], into: Path, max_bytes: int) -> Fetched:
    """Write chunks to a file while hashing them; no file remains after a failure.

    Raises: UriTooLarge.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with into.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise UriTooLarge(
                        f"The media has more than the {max_bytes} bytes that this oracle accepts."
                    )
                digest.update(chunk)
                file.write(chunk)
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    return Fetched(digest.digest(), size)
