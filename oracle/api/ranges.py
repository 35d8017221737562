"""Part of a stored file over HTTP: one byte range (RFC 9110, section 14), as players ask for it."""

import re

from fastapi.responses import StreamingResponse

from oracle.errors import OracleError
from storage.blobs import BlobStore
from storage.works.works import Work

BYTES = re.compile(r"bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)", re.ASCII | re.IGNORECASE)
MAX_DIGITS = 18
HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


class RangeNotSatisfiable(OracleError):
    """The file ends before the range begins."""

    code = "range_not_satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"The range lies behind the end of the file, which has {size_bytes} bytes."
        )
        self.size_bytes = size_bytes


def part_of(header: str | None, size_bytes: int) -> range | None:
    """The bytes that a Range header asks for; None for the whole file.

    As the specification allows, what cannot be read, and several ranges at once, are answered with
    the whole file.

    Raises: RangeNotSatisfiable.
    """
    found = BYTES.fullmatch(header.strip()) if header else None
    if found is None or found[1] == found[2] == "" or max(map(len, found.groups())) > MAX_DIGITS:
        return None
    if found[1] == "":  # the last so many
        last_bytes = min(int(found[2]), size_bytes)
        if last_bytes == 0:
            raise RangeNotSatisfiable(size_bytes)
        return range(size_bytes - last_bytes, size_bytes)
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return range(first, min(int(found[2]) + 1 if found[2] else size_bytes, size_bytes))


def stored_media(
    blobs: BlobStore, work: Work, asked: str | None, if_range: str | None
) -> StreamingResponse:
    """The bytes of a work, or the part of them that a Range header asks for, straight from where
    they are kept.

    Args: if_range: the ETag that the client's other parts came with; with another one it gets the
        whole file.
    Raises: RangeNotSatisfiable, BlobMissing, BlobStoreUnavailable.
    """
    etag = f'"{work.sha256.hex()}"'
    part = part_of(asked, work.size_bytes) if if_range in (None, etag) else None
    shown = part if part is not None else range(work.size_bytes)
    headers = HEADERS | {"ETag": etag, "Content-Length": str(len(shown))}
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{work.size_bytes}"
    content = blobs.read_part(work.blob_key, shown.start, len(shown))
    return StreamingResponse(content, 200 if part is None else 206, headers, media_type=work.mime)
