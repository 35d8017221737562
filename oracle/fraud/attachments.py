"""Files that support an appeal: kept in the blob store under their content, named in the database."""

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

from embeddings.errors import EmbeddingError
from embeddings.sniff import sniff
from oracle.fraud.errors import TooLate, TooManyAttachments
from storage import appeals, fraud_audit
from storage.blobs import BlobStore, blob_key
from storage.database import Database

MOST_FILES = 10
CHUNK_BYTES = 2**20


def add_attachment(
    db: Database, blobs: BlobStore, appeal_id: UUID, path: Path, file_name: str, *, actor: str, now: datetime
) -> int:
    """Keep a file with an appeal that is not decided yet. Returns: the attachment's number; the same bytes, the same.

    The caller has checked that the actor is a side of the appeal. Raises: TooLate, TooManyAttachments, NotFound,
    BlobError.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    key = blob_key(digest)
    with db.transaction() as conn:
        _check_open(appeals.get(conn, appeal_id).status)
    blobs.put(path, key)
    with db.transaction() as conn:
        appeal = appeals.get(conn, appeal_id, lock=True)
        _check_open(appeal.status)
        there = appeals.attachments(conn, appeal_id)
        if len(there) >= MOST_FILES and all(bytes(kept.sha256) != digest for kept in there):
            raise TooManyAttachments
        number = appeals.attach(
            conn, appeal_id, added_by=actor, file_name=Path(file_name).name[:255] or "file", mime=_mime(path),
            sha256=digest, size_bytes=path.stat().st_size, blob_key=key,
        )  # fmt: skip
        if number not in {kept.id for kept in there}:
            fraud_audit.append(
                conn, at=now, actor=actor, step="attach", reason_code="file", text=Path(file_name).name or "file",
                appeal_id=appeal_id, facts={"sha256": digest.hex(), "size_bytes": path.stat().st_size},
            )  # fmt: skip
    return number


def _check_open(status: str) -> None:
    if status != "open":
        raise TooLate("This appeal is decided; files can no longer be added.")


def _mime(path: Path) -> str:
    """What the bytes say; never the name, and nothing a browser would run."""
    with path.open("rb") as file:
        head = file.read(5)
    if head == b"%PDF-":
        return "application/pdf"
    try:
        return sniff(path).mime
    except EmbeddingError:
        return "application/octet-stream"
