"""Files that support an appeal: stored in the blob store by content, listed in the database."""

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

from embeddings.errors import EmbeddingError
from embeddings.sniff import sniff
from oracle.appeals.errors import TooLate, TooManyAttachments
from oracle.errors import UploadTooLarge
from storage.blobs import BlobStore, blob_key
from storage.cases import appeals
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.works import works

MAX_FILES = 10
MAX_BYTES = 20 * 2**20  # each; documents and pictures, not media
CHUNK_BYTES = 2**20


def add_attachment(
    db: Database,
    blobs: BlobStore,
    appeal_id: UUID,
    path: Path,
    file_name: str,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Store a file with an open appeal. The caller has checked that the actor is a side of it.

    Returns: the attachment's number; equal bytes get the same number.
    Raises: TooLate, TooManyAttachments, NotFound, UploadTooLarge, BlobError.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    key = blob_key(digest)
    if path.stat().st_size > MAX_BYTES:
        raise UploadTooLarge(
            f"A file of an appeal has at most {MAX_BYTES // 2**20} MiB. Nothing was kept."
        )
    with db.transaction() as conn:
        check_capacity(conn, appeal_id, digest)
    blobs.put(path, key)
    with db.transaction() as conn:
        appeals.get(conn, appeal_id, lock=True)
        works.lock_sequence(conn)
        # nothing referred to the same bytes, and they were swept away since they were put
        if not blobs.exists(key):
            blobs.put(path, key)
        check_capacity(conn, appeal_id, digest)
        existing = appeals.attachments(conn, appeal_id)
        number = appeals.attach(
            conn,
            appeal_id,
            added_by=actor,
            file_name=Path(file_name).name[:255] or "file",
            mime=_mime(path),
            sha256=digest,
            size_bytes=path.stat().st_size,
            blob_key=key,
        )
        if number not in {attachment.id for attachment in existing}:
            audit_log.append(
                conn,
                at=now,
                actor=actor,
                step="attach",
                reason_code="file",
                text=Path(file_name).name or "file",
                appeal_id=appeal_id,
                facts={"sha256": digest.hex(), "size_bytes": path.stat().st_size},
            )
    return number


def check_capacity(conn: Connection, appeal_id: UUID, digest: bytes | None = None) -> None:
    """Raise unless an appeal takes one more file, or has the one with this SHA-256 already.

    Called before the bytes are stored, so that no refused file fills the disk. Without a digest a
    full appeal is not refused, as the file may be there already.
    Raises: TooLate, TooManyAttachments, NotFound.
    """
    if appeals.get(conn, appeal_id).status != "open":
        raise TooLate("This appeal is decided; files can no longer be added.")
    existing = [bytes(attachment.sha256) for attachment in appeals.attachments(conn, appeal_id)]
    if digest is not None and len(existing) >= MAX_FILES and digest not in existing:
        raise TooManyAttachments


def _mime(path: Path) -> str:
    """Detect the MIME type from the bytes, never the name; none that a browser would run."""
    with path.open("rb") as file:
        head = file.read(5)
    if head == b"%PDF-":
        return "application/pdf"
    try:
        return sniff(path).mime
    except EmbeddingError:
        return "application/octet-stream"
