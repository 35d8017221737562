"""Uploads shared between signers: what one tells the others, and what it takes in from them."""

from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from embeddings.sniff import sniff
from oracle.chain.quorum.uploads import UploadFacts, shareable_name
from oracle.errors import MediaTypeMismatch
from oracle.originality.intake import Intake, Upload
from storage.blobs import BlobMissing, BlobStore, blob_key
from storage.database import Database
from storage.works import analyses, works


class UploadExchange:
    """What the chain node's signer shares uploads through."""

    def __init__(self, db: Database, blobs: BlobStore, intake: Intake, max_bytes: int) -> None:
        self._db = db
        self._blobs = blobs
        self._intake = intake
        self.max_bytes = max_bytes

    def facts_of(self, analysis_id: UUID) -> UploadFacts | None:
        with self._db.transaction() as conn:
            analysis = analyses.get(conn, analysis_id)
            if analysis.work_id is None:
                return None
            work = works.get_work(conn, analysis.work_id)
        if work.erased_at is not None:
            return None
        return UploadFacts(
            work.post_id,
            work.sha256,
            work.size_bytes,
            analysis.policy_version,
            work.media_type,
            work.mime,
            work.creator,
            shareable_name(work.file_name),
        )

    def knows(self, facts: UploadFacts) -> bool:
        with self._db.transaction() as conn:
            return works.is_registered(conn, facts.post_id, facts.sha256)

    def open_media(self, sha256: bytes) -> BinaryIO | None:
        with self._db.transaction() as conn:
            if not works.has_content(conn, sha256):
                return None
        try:
            return self._blobs.open(blob_key(sha256))
        except BlobMissing:
            return None

    def take_in(self, facts: UploadFacts, path: Path) -> None:
        """As `UploadSharing` says.

        Raises also: MediaTypeMismatch, EmbeddingError for what is no media.
        """
        # The media type decides how it is judged, and browsers are served by the MIME type: neither
        # is a peer's word.
        sniffed = sniff(path)
        if (sniffed.media_type, sniffed.mime) != (facts.media_type, facts.mime):
            raise MediaTypeMismatch(
                f"Introduced as {facts.media_type}, {facts.mime}; the file holds {sniffed.mime}."
            )
        upload = Upload(
            path=path,
            sha256=facts.sha256,
            size_bytes=facts.size_bytes,
            file_name=facts.file_name,
            creator=facts.creator,
        )
        self._intake.accept_introduced(
            upload, facts.post_id, facts.media_type, facts.mime, facts.config_version
        )
