"""Which stored bytes are still needed: by works that were not erased, and by appeals."""

from collections.abc import Sequence

from storage.blobs import blob_key
from storage.database import Connection

_NEEDED = (
    "select sha256 from works where sha256 = any(%(hashes)s) and erased_at is null"
    " union select sha256 from appeal_attachments where sha256 = any(%(hashes)s)"
)


def needed_keys(conn: Connection, hashes: Sequence[bytes]) -> set[str]:
    """The keys of blobs, out of those with these SHA-256 (32 bytes each), that something refers
    to.
    """
    rows = conn.execute(_NEEDED, {"hashes": list(hashes)}).fetchall()
    return {blob_key(bytes(row[0])) for row in rows}
