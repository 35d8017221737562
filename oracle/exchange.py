"""Uploads shared between signers: what one tells the others, and what it takes in from them."""

from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from oracle.chain.quorum.uploads import UploadFacts
from oracle.intake import Intake, Upload
from storage import analyses, works
from storage.blobs import BlobMissing, BlobStore, blob_key
from storage.database import Database


class UploadExchange:
    """The desk that the chain node's signer asks."""

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
        return UploadFacts(
            work.post_id, work.sha256, work.size_bytes, analysis.policy_version, work.media_type, work.mime,
            work.creator, work.file_name,
        )  # fmt: skip

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
        upload = Upload(path, facts.sha256, facts.size_bytes, facts.file_name, facts.creator)
        self._intake.accept_introduced(upload, facts.post_id, facts.media_type, facts.mime, facts.config_version)
