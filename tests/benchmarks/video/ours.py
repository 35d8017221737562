"""The oracle as it is in production: the kind "video" over a scratch Postgres, with the CPU time
of each stage.
"""

from __future__ import annotations

import copyreg
import hashlib
import pickle
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psutil
from metrics import Box

from embeddings.audio.analyzer import AudioAnalyzer
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from oracle.media.handler import Query
from oracle.media.video import VideoExtraction, VideoHandler
from oracle.originality.judge import Judge
from storage.database import Database
from storage.search import videos
from storage.works import works
from storage.works.works import NewWork

CANDIDATES = 20  # the service's own default


def read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


copyreg.pickle(MappingProxyType, lambda view: (read_only, (dict(view),)))  # fingerprints hold some


@dataclass
class Clock:
    """CPU seconds of this process and of the database's side of one connection, by stage; media
    seconds read.
    """

    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    media_s: float = 0.0

    def run(self, stage: str, action: Callable[[], Any]) -> Any:
        start = time.process_time()
        try:
            return action()
        finally:
            self.cpu_s[stage] += time.process_time() - start


class TimedAnalyzer(VideoAnalyzer):
    """Tells a clock how long alignment and verification took."""

    clock: Clock

    def align(self, *args: Any, **options: Any) -> Any:
        return self.clock.run("align", lambda: super(TimedAnalyzer, self).align(*args, **options))

    def judge(self, *args: Any, **options: Any) -> Any:
        return self.clock.run("verify", lambda: super(TimedAnalyzer, self).judge(*args, **options))


@dataclass(frozen=True)
class Answer:
    """What the oracle says of one query and one reference."""

    reference: str
    similarity: float
    verified: bool
    sound_only: bool
    mirrored: bool
    agreement: str
    boxes: tuple[Box, ...]
    reason: str


class Ours:
    """References go in once; queries are judged against all of them and never stored.

    Args:
        readings: a folder that keeps what was read of each file between runs.
    """

    def __init__(self, db: Database, readings: Path | None = None) -> None:
        self.clock = Clock()
        self.analyzer = make_analyzer()
        self.analyzer.clock = self.clock
        self.kind = make_kind(self.analyzer)
        self._db = db
        self._judge = Judge(
            db, pairs_off=(), min_share_bps=0, sound_ceiling_bps=0, contest_window=timedelta(0)
        )
        self._names: dict[UUID, str] = {}
        self.readings = readings
        self.frames = 0
        self.unread: list[tuple[str, str]] = []

    def read(self, path: Path, *, search: bool) -> VideoExtraction:
        """Decode and fingerprint, or take what an earlier run with the same models left in
        `readings`.
        """
        return self._kept(path, search) if self.readings is not None else self._read(path, search)

    def _kept(self, path: Path, search: bool) -> VideoExtraction:
        assert self.readings is not None
        kept = (
            self.readings
            / f"{path.parent.name}-{path.name}-{self.kind.model_digest.hex()[:12]}.pickle"
        )
        if kept.is_file():
            return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]
        extraction = self._read(path, search)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(extraction))
        return extraction

    def _read(self, path: Path, search: bool) -> VideoExtraction:
        stage, start = "decode", time.process_time()

        def progress(told: str, _done: int, _total: int) -> None:
            nonlocal stage, start
            now, next_stage = time.process_time(), "decode" if told == "decoding" else "embed"
            self.clock.cpu_s[stage] += now - start
            stage, start = next_stage, now

        extraction = self.kind.extract(path, progress, search=search)
        self.clock.cpu_s[stage] += time.process_time() - start
        self.clock.media_s += extraction.fingerprint.duration_s
        return extraction

    def add(self, path: Path, extraction: VideoExtraction) -> None:
        """Register a reference."""
        self.frames += len(extraction.fingerprint.frames)
        work_id, content = uuid4(), path.read_bytes()
        digest = hashlib.sha256(content).digest()
        new = NewWork(
            id=work_id,
            creator_id=None,
            post_id=work_id.bytes * 2,
            media_type="video",
            sha256=digest,
            mime="video/mp4",
            size_bytes=len(content),
            width=None,
            height=None,
            file_name=path.name,
            blob_key=digest.hex(),
        )
        with self._db.transaction() as conn:
            works.add_work(conn, new)
            self.kind.make_visible(conn, works.get_work(conn, work_id), extraction)
        self._names[work_id] = path.name

    def ask(self, extraction: VideoExtraction, sha256: bytes) -> list[Answer]:
        """Everything that is known of a query, most similar first."""
        query = Query(sha256)
        candidates = self._search(extraction, query)
        matches = self._judge.verify(self.kind, extraction, query, candidates)
        answers = [self._answer(match.work.id, match.match) for match in matches]
        return sorted(answers, key=lambda answer: -answer.similarity)

    def best_frame(self, extraction: VideoExtraction) -> dict[str, float]:
        """Baseline of VSC2022: the highest cosine of any two frames, nothing else."""
        with self._db.transaction() as conn:
            tables = videos.frames_of(conn, list(self._names))
        model = self.analyzer.channels["copy"].model_id
        seen = [
            frame.embeddings[model]
            for frame in extraction.fingerprint.frames
            if model in frame.embeddings
        ]
        if not seen:
            return {}
        return {
            self._names[work_id]: float((np.stack(seen) @ table.embeddings[model].T).max())
            for work_id, table in tables.items()
            if model in table.embeddings
        }

    def _search(self, extraction: VideoExtraction, query: Query) -> Sequence[Any]:
        with self._db.transaction() as conn:
            row = conn.execute("select pg_backend_pid()").fetchone()
            assert row is not None
            server = psutil.Process(row[0])
            before = sum(server.cpu_times()[:2])
            found = self.clock.run("search", lambda: self.kind.search(conn, extraction, query))
            self.clock.cpu_s["database"] += sum(server.cpu_times()[:2]) - before
        return found  # type: ignore[no-any-return]

    def _answer(self, work_id: UUID, match: Any) -> Answer:
        told = match.as_json()
        boxes = tuple(
            (s["query_start_s"], s["query_end_s"], s["reference_start_s"], s["reference_end_s"])
            for s in told["segments"]
        )
        return Answer(
            self._names[work_id],
            match.similarity,
            match.verified,
            match.sound_only,
            match.mirrored,
            str(told["agreement"]),
            boxes,
            told["reason"],
        )


def silent(extraction: VideoExtraction) -> VideoExtraction:
    """The same without its sound track, so that pictures must do without."""
    return VideoExtraction(replace(extraction.fingerprint, sound=None))


def make_analyzer() -> TimedAnalyzer:
    """With CLIP off, since its weights are not everywhere."""
    return TimedAnalyzer(ImageAnalyzer.load(clip=None), AudioAnalyzer.load())


def make_kind(analyzer: VideoAnalyzer) -> VideoHandler:
    return VideoHandler(analyzer, CANDIDATES)
