"""The likeness channel comes on while the oracle runs; registered works are described then.

Runs in a process of its own that may end at any moment: a broken download is gone on with, and a
work is described in one transaction or not at all. Workers and API notice new weights by themselves
(`oracle.wiring.Current`).
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from embeddings.errors import EmbeddingError, ModelUnavailable, WeightsMismatch
from embeddings.image.clip import ClipEncoder
from embeddings.image.clip_weights import Progress, ResolvedWeights, can_export
from embeddings.image.decode import DecodeLimits, decode_shown
from embeddings.video.analyzer import VideoAnalyzer
from storage.blobs import BlobCorrupt, BlobMissing, BlobStore, BlobStoreUnavailable
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.search import missing_vectors
from storage.search.missing_vectors import Undescribed
from storage.works import waiting

log = structlog.get_logger()

RETRY_FETCH_S = 600.0  # a hub that does not answer now is asked again
RETRY_SERVERS_S = 30.0
STRAGGLERS_S = 10.0
WORKS_AT_ONCE = 100
SHARE = 0.5  # of the time that one core works; uploads come first


def fetch_until_here(
    pull: Callable[[Progress], ResolvedWeights], *, retry_s: float = RETRY_FETCH_S
) -> ResolvedWeights | None:
    """Fetch and export the weights, in as many tries as it takes.

    Returns: None where trying again cannot help.

    Args: pull: told what its progress is reported to; each try goes on where the last one ended.
    """
    last_reason = ""
    while True:
        try:
            resolved = pull(_Milestones())
        except WeightsMismatch as exc:
            log.error("clip.refused", code=exc.code, error=str(exc))
            return None
        except ModelUnavailable as exc:
            hopeless = not can_export()
            if str(exc) != last_reason:
                log.warning("clip.off", reason=str(exc), next_try_s=None if hopeless else retry_s)
            if hopeless:
                return None
            last_reason = str(exc)
            time.sleep(retry_s)
        else:
            log.info("clip.on", model_id=resolved.model_id)
            return resolved


class Describer:
    """Gives registered pictures and videos the vectors of a model that came after them."""

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        weights: ResolvedWeights,
        videos: VideoAnalyzer,
        limits: DecodeLimits,
        *,
        share: float = SHARE,
        rest: Callable[[float], object] = time.sleep,
    ) -> None:
        """Args: videos: with CLIP as the only channel; share: of the time that is worked."""
        self._db = db
        self._blobs = blobs
        self._encoder = ClipEncoder(weights)
        self._videos = videos
        self._limits = limits
        self._share = share
        self._rest = rest

    def run(self) -> int:
        """Describe what the workers do not describe themselves. Returns: how many vectors."""
        with self._db.transaction() as conn:
            newest = missing_vectors.last_registration(conn)
        total = 0
        while True:
            try:
                added = self.run_once()
                # A work that was being analysed without the model when it came is not visible yet.
                with self._db.transaction() as conn:
                    pending = waiting.any_unread(conn, newest)
            except (DatabaseUnavailable, BlobStoreUnavailable) as exc:
                log.warning("clip.describing_waits", code=exc.code, error=str(exc))
                self._rest(RETRY_SERVERS_S)
                continue
            total += added
            if pending:
                self._rest(STRAGGLERS_S)
            elif not added:
                return total

    def run_once(self) -> int:
        """Describe every work that lacks a vector, in their order. Returns: how many vectors.

        Raises: DatabaseUnavailable, BlobStoreUnavailable; what was done stays done.
        """
        after, added = 0, 0
        while True:
            with self._db.transaction() as conn:
                batch = missing_vectors.find_undescribed(
                    conn, self._encoder.model_id, after=after, limit=WORKS_AT_ONCE
                )
            if not batch:
                return added
            for work in batch:
                began = time.monotonic()
                added += self._describe(work)
                self._rest((time.monotonic() - began) * (1 / self._share - 1))
            after = batch[-1].registration
            log.info("clip.described", up_to=after, vectors=added)

    def _describe(self, work: Undescribed) -> int:
        try:
            with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
                path = Path(folder) / "media"
                self._blobs.fetch(work.blob_key, path)
                vectors = self._vectors(work, path)
        except ModelUnavailable:
            raise  # the work is not to blame
        except (EmbeddingError, BlobMissing, BlobCorrupt) as exc:
            log.warning(
                "clip.not_described", work_id=str(work.work_id), code=exc.code, error=str(exc)
            )
            return 0
        with self._db.transaction() as conn:
            return missing_vectors.add_vectors(conn, work.work_id, self._encoder.model_id, vectors)

    def _vectors(self, work: Undescribed, path: Path) -> dict[int, NDArray[np.float32]]:
        if work.media_type == "image":
            shown = [picture.pixels for picture, _ in decode_shown(path, self._limits)]
            return dict(enumerate(self._encoder.embed(shown)))
        frames = self._videos.fingerprint(path, search=False).frames
        return {frame.frame_ms: frame.embeddings[self._encoder.model_id] for frame in frames}


class _Milestones:
    """Progress as a log event every tenth."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        tenth = (stage, 10 * done // max(total, 1))
        if tenth != self._said:
            self._said = tenth
            log.info(f"clip.{stage}", percent=10 * tenth[1], done=done, total=total)
