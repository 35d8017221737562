"""Matching without a chain: two folders against each other, or files against the registered works.

Nothing is kept.
"""

import csv
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog

from embeddings.errors import EmbeddingError
from embeddings.sniff import sniff
from oracle.errors import MediaTypeNotSupported
from oracle.media.handler import Extraction, MediaHandler, MediaHandlers, Query
from oracle.originality.judge import Judge, VerifiedMatch, as_rule_matches
from oracle.rules.credit import Standing
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.works import works
from storage.works.works import NewWork

log = structlog.get_logger()

COLUMNS = (
    "query",
    "reference",
    "score",
    "query_start_s",
    "query_end_s",
    "reference_start_s",
    "reference_end_s",
)
NO_COPY = 0.9499  # the most of a score that accuses nobody
THREADS = os.cpu_count() or 2
# A scratch database is thrown away: nothing is lost with what was not yet on disk.
SCRATCH_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Row:
    """One match of the output: paths relative to their folders, score = similarity in (0, 1].

    What accuses nobody by itself (a jingle, what both may have from a third) stays below 0.95.
    span: query_start_s, query_end_s, reference_start_s, reference_end_s of a stretch; None for
        pictures.
    """

    query: str
    reference: str
    score: float
    span: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that could not be judged, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Checked:
    """One file against all works: what was extracted from it, and its matches, most similar
    first.
    """

    handler: MediaHandler[Any]
    extraction: Extraction
    matches: Sequence[VerifiedMatch]


class FolderMatcher:
    """Matches files by the production path: fingerprint, search, shortlist, verify, calibrate."""

    def __init__(self, db: Database, handlers: MediaHandlers, judge: Judge) -> None:
        self._db = db
        self._handlers = handlers
        self._judge = judge
        self._names: dict[UUID, str] = {}

    def add_references(self, folder: Path, progress: Progress) -> list[Skipped]:
        """Register every work of a folder.

        Returns: the files that are none, or that are too low in detail to match.
        """
        skipped = []
        files = list(files_below(folder))
        with ThreadPoolExecutor(THREADS) as pool:
            for done, (path, result) in enumerate(pool.map(self._read_reference, files), start=1):
                if isinstance(result, Skipped):
                    skipped.append(result)
                else:
                    self._register(path.relative_to(folder).as_posix(), path, *result)
                progress("references", done, len(files))
        return skipped

    def match(self, folder: Path, progress: Progress) -> tuple[list[Row], list[Skipped]]:
        """Match every file of a folder with the references. Rows are best first."""
        rows: list[Row] = []
        skipped = []
        files = list(files_below(folder))
        with ThreadPoolExecutor(THREADS) as pool:
            for done, (path, result) in enumerate(pool.map(self._match, files), start=1):
                if isinstance(result, Skipped):
                    skipped.append(result)
                else:
                    name = path.relative_to(folder).as_posix()
                    kind = result.handler.media_type
                    rows += [
                        row
                        for match in result.matches
                        for row in rows_of(name, self._names[match.work.id], match, kind)
                    ]
                progress("queries", done, len(files))
        return sorted(
            rows, key=lambda row: (-row.score, row.query, row.reference, row.span or ())
        ), skipped

    def check(self, path: Path) -> Checked:
        """One file against all works.

        Raises: EmbeddingError, MediaTypeNotSupported, DatabaseUnavailable.
        """
        handler = self._handler_of(path)
        extraction = handler.extract(path)
        query = Query(hashlib.sha256(path.read_bytes()).digest())
        candidates = self._judge.search(handler, extraction, query)
        matches = self._judge.verify(handler, extraction, query, candidates)
        return Checked(
            handler, extraction, sorted(matches, key=lambda match: -match.match.similarity)
        )

    def _handler_of(self, path: Path) -> MediaHandler[Any]:
        sniffed = sniff(path)
        if sniffed.media_type not in self._handlers:
            raise MediaTypeNotSupported(
                f"{sniffed.mime}: this oracle decides on {', '.join(self._handlers)} only."
            )
        return self._handlers[sniffed.media_type]

    def _read_reference(
        self, path: Path
    ) -> tuple[Path, tuple[MediaHandler[Any], Extraction] | Skipped]:
        try:
            handler = self._handler_of(path)
            extraction = handler.extract(path, search=False)
        except (EmbeddingError, MediaTypeNotSupported) as exc:
            return path, Skipped(path, str(exc))
        if extraction.insufficient_detail is not None:
            return path, Skipped(path, extraction.insufficient_detail)
        return path, (handler, extraction)

    def _match(self, path: Path) -> tuple[Path, Checked | Skipped]:
        try:
            checked = self.check(path)
        except (EmbeddingError, MediaTypeNotSupported) as exc:
            return path, Skipped(path, str(exc))
        if checked.extraction.insufficient_detail is not None:
            return path, Skipped(path, checked.extraction.insufficient_detail)
        return path, checked

    def _register(
        self, name: str, path: Path, handler: MediaHandler[Any], extraction: Extraction
    ) -> None:
        work_id, content = uuid4(), path.read_bytes()
        duration_s = extraction.as_json().get("duration_s")
        digest = hashlib.sha256(content).digest()
        # The key names where the blob would be; a scratch database keeps no blobs.
        work = NewWork(
            id=work_id,
            creator_id=None,
            post_id=work_id.bytes * 2,
            media_type=handler.media_type,
            sha256=digest,
            mime="application/octet-stream",
            size_bytes=len(content),
            width=None,
            height=None,
            file_name=name,
            blob_key=digest.hex(),
            duration_ms=round(1000 * duration_s) if duration_s is not None else None,
        )
        with self._db.transaction() as conn:
            works.add_work(conn, work)
            handler.make_visible(conn, works.get_work(conn, work_id), extraction)
        self._names[work_id] = name


def rows_of(query: str, reference: str, verified: VerifiedMatch, media_type: str) -> list[Row]:
    """The rows of one match: one a matched stretch where there are times, else one; none where
    nothing matched.

    Args: media_type: of the query.
    """
    match = verified.match
    if not match.similarity:
        return []
    (facts,) = as_rule_matches([verified], media_type)
    score = match.similarity if facts.standing is Standing.COPY else min(match.similarity, NO_COPY)
    segments = match.as_json().get("segments") or []
    if not segments:
        return [Row(query, reference, score)]
    spans = [
        (s["query_start_s"], s["query_end_s"], s["reference_start_s"], s["reference_end_s"])
        for s in segments
    ]
    return [Row(query, reference, score, span) for span in spans]


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
    """Write matches as CSV, seconds to the millisecond; pictures have no times, so those columns
    stay empty.
    """
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            times = [f"{second:.3f}" for second in row.span] if row.span else [""] * 4
            writer.writerow((row.query, row.reference, f"{row.score:.6f}", *times))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, hidden ones left out, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            yield path
