"""Serve a part of a stored file: one byte range (RFC 9110, section 14), as players request it."""

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


def parse_range(header: str | None, size_bytes: int) -> range | None:
    """Parse a Range header. Returns: the range of bytes, None for the whole file.

    As the RFC allows, unreadable headers and several ranges get the whole file.

    Raises: RangeNotSatisfiable.
    """
    match = BYTES.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "" or max(map(len, match.groups())) > MAX_DIGITS:
        return None
    if match[1] == "":  # the last bytes
        last_bytes = min(int(match[2]), size_bytes)
        if last_bytes == 0:
            raise RangeNotSatisfiable(size_bytes)
        return range(size_bytes - last_bytes, size_bytes)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return range(first, min(int(match[2]) + 1 if match[2] else size_bytes, size_bytes))


def stored_media(
    blobs: BlobStore, work: Work, range_header: str | None, if_range: str | None
) -> StreamingResponse:
    """Stream the bytes of a work, or the requested range, straight from the blob store.

    Args:
        if_range: ETag of the parts that the client has; if it differs, the whole file is sent.
    Raises: RangeNotSatisfiable, BlobMissing, BlobStoreUnavailable.
    """
    etag = f'"{work.sha256.hex()}"'
    part = parse_range(range_header, work.size_bytes) if if_range in (None, etag) else None
    shown = part if part is not None else range(work.size_bytes)
    headers = HEADERS | {"ETag": etag, "Content-Length": str(len(shown))}
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{work.size_bytes}"
    content = blobs.read_part(work.blob_key, shown.start, len(shown))
    return StreamingResponse(content, 200 if part is None else 206, headers, media_type=work.mime)
