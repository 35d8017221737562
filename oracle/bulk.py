"""Matching without a chain: two folders against each other, or files against the registered works. Nothing is kept."""

import csv
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import structlog

from embeddings.errors import EmbeddingError
from embeddings.image.analyzer import ImageAnalyzer, ImageFingerprint
from embeddings.image.decode import DecodeLimits, decode_image
from oracle.matching import Judged, Matcher, Query
from storage import works
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.works import NewWork

log = structlog.get_logger()

COLUMNS = (
    "query", "reference", "score", "query_start_s", "query_end_s", "reference_start_s", "reference_end_s",
)  # fmt: skip
THREADS = os.cpu_count() or 2
# A scratch database is thrown away: nothing is lost with what was not yet on disk.
SCRATCH_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Row:
    """One match of the output: paths relative to their folders, score = similarity in (0, 1]."""

    query: str
    reference: str
    score: float


@dataclass(frozen=True)
class Skipped:
    """A file that could not be judged, and why."""

    path: Path
    reason: str


class FolderMatcher:
    """Matches files by the production path: fingerprint, index, nominate, verify, calibrate."""

    def __init__(self, db: Database, analyzer: ImageAnalyzer, limits: DecodeLimits, max_candidates: int) -> None:
        self._db = db
        self._analyzer = analyzer
        self._limits = limits
        self._matcher = Matcher(db, analyzer, max_candidates)
        self._names: dict[UUID, str] = {}

    def add_references(self, folder: Path, progress: Progress) -> list[Skipped]:
        """Register every picture of a folder. Returns: the files that are none, or that are too plain to match."""
        skipped = []
        files = list(files_below(folder))
        with ThreadPoolExecutor(THREADS) as pool:
            for done, (path, found) in enumerate(pool.map(self._fingerprint, files), start=1):
                if isinstance(found, Skipped):
                    skipped.append(found)
                else:
                    self._register(path.relative_to(folder).as_posix(), path, found)
                progress("references", done, len(files))
        return skipped

    def match(self, folder: Path, progress: Progress) -> tuple[list[Row], list[Skipped]]:
        """Match every picture of a folder with the references. Rows are best first."""
        rows: list[Row] = []
        skipped = []
        files = list(files_below(folder))
        with ThreadPoolExecutor(THREADS) as pool:
            for done, (path, found) in enumerate(pool.map(self._judge, files), start=1):
                if isinstance(found, Skipped):
                    skipped.append(found)
                else:
                    name = path.relative_to(folder).as_posix()
                    rows += [Row(name, self._names[j.work.id], j.match.similarity) for j in found if j.match.similarity]
                progress("queries", done, len(files))
        return sorted(rows, key=lambda row: (-row.score, row.query, row.reference)), skipped

    def check(self, path: Path) -> tuple[ImageFingerprint, list[Judged]]:
        """One file against all works, most similar first. Raises: EmbeddingError, DatabaseUnavailable."""
        fingerprint = self._analyzer.fingerprint(decode_image(path, self._limits))
        query = Query(fingerprint, hashlib.sha256(path.read_bytes()).digest())
        judged = self._matcher.verify(query, self._matcher.search(query))
        return fingerprint, sorted(judged, key=lambda j: -j.match.similarity)

    def _fingerprint(self, path: Path) -> tuple[Path, ImageFingerprint | Skipped]:
        try:
            return path, self._analyzer.fingerprint(decode_image(path, self._limits))
        except EmbeddingError as exc:
            return path, Skipped(path, str(exc))

    def _judge(self, path: Path) -> tuple[Path, list[Judged] | Skipped]:
        try:
            fingerprint, judged = self.check(path)
        except EmbeddingError as exc:
            return path, Skipped(path, str(exc))
        if fingerprint.too_plain is not None:
            return path, Skipped(path, fingerprint.too_plain)
        return path, judged

    def _register(self, name: str, path: Path, fingerprint: ImageFingerprint) -> None:
        work_id, content = uuid4(), path.read_bytes()
        digest = hashlib.sha256(content).digest()
        # The key names where the blob would be; a scratch database keeps no blobs.
        work = NewWork(
            work_id, None, work_id.bytes * 2, "image", digest, "application/octet-stream", len(content), None, None,
            name, digest.hex(),
        )  # fmt: skip
        with self._db.transaction() as conn:
            works.add_work(conn, work)
            works.make_visible(
                conn, works.get_work(conn, work_id), phash=fingerprint.phash,
                phash_quality=fingerprint.phash_quality, proxy=fingerprint.proxy, embeddings=fingerprint.embeddings,
            )  # fmt: skip
        self._names[work_id] = name


@contextmanager
def scratch_database() -> Iterator[Database]:
    """An empty migrated database that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="oracle-match-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", settings=SCRATCH_SETTINGS) as server,
    ):
        migrate(server.dsn)
        db = Database(server.dsn)
        db.open()
        yield db
        db.close()


def write_rows(rows: Sequence[Row], out: Path) -> None:
    """Write matches as CSV; pictures have no times, so those columns stay empty."""
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((row.query, row.reference, f"{row.score:.6f}", "", "", "", "") for row in rows)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, hidden ones left out, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
