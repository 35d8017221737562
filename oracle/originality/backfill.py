"""Historical content: a folder becomes registered works, judged like uploads, without a word to
the chain.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from uuid import UUID

from embeddings.errors import EmbeddingError
from oracle.errors import OracleError
from oracle.originality.folder_match import Skipped, files_below
from oracle.originality.intake import Intake, Upload
from storage.blobs.keys import digest_of
from storage.database import Database
from storage.names import canonical
from storage.works import analyses

POLL_S = 0.5

Progress = Callable[[str, int, int], None]


class Backfill:
    """Resumable: what was taken in once is known by its content and creator, and is not taken in
    again.
    """

    def __init__(self, db: Database, intake: Intake) -> None:
        self._db = db
        self._intake = intake

    def take_in(
        self,
        folder: Path,
        creator: str | None,
        progress: Progress,
        *,
        shared_source: str | None = None,
    ) -> tuple[dict[UUID, Path], list[Skipped]]:
        """Register every file below a folder, in the order of names. Returns: analyses by id, files
        refused.

        Args: shared_source: where they come from, of works that nobody here owns.

        Raises: InvalidCreator, StorageError, BlobError; run it again to go on.
        """
        taken: dict[UUID, Path] = {}
        refused = []
        files = list(files_below(folder))
        for done, path in enumerate(files, start=1):
            try:
                digest = digest_of(path)
                key = f"index/{digest.hex()}/{canonical(creator or '')}"
                if shared_source is not None:
                    key = f"shared/{digest.hex()}"
                upload = Upload(
                    path=path,
                    sha256=digest,
                    size_bytes=path.stat().st_size,
                    file_name=path.name[:255],
                    creator=creator,
                    media_type=None,
                    idempotency_key=key,
                    shared_source=shared_source,
                )
                taken[self._intake.submit(upload, source="index")] = path
            except (EmbeddingError, OracleError) as exc:
                refused.append(Skipped(path, str(exc)))
            progress("taken in", done, len(files))
        return taken, refused

    def wait(self, ids: Collection[UUID], progress: Progress) -> Counter[str]:
        """Wait until all are decided by whatever workers there are.

        Returns: how many of each verdict, or failed.
        """
        while True:
            with self._db.transaction() as conn:
                verdicts = analyses.verdicts_of(conn, list(ids))
            ended = Counter(verdict for verdict in verdicts.values() if verdict)
            progress("judged", ended.total(), len(ids))
            if ended.total() == len(ids):
                return ended
            time.sleep(POLL_S)
