"""The production path on a scratch Postgres: fingerprint, store, look up in one round trip,
verify.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from embeddings.audio.analyzer import AudioAnalyzer, AudioFingerprint, AudioMatch
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.search.sounds.index import (
    SoundQuery,
    StoredSound,
    find_references,
    look_up,
    publish_sound,
)
from storage.works.works import NewWork, add_work, get_work

# Nothing here outlives the run: what the kernel has is safe.
SCRATCH = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "1GB",
}
BEFORE_ALL = 1 << 40
CANDIDATES = 20  # what the service verifies by default


@dataclass(frozen=True)
class Hit:
    """One verified candidate.

    start_s: where the query's beginning lies in the reference, by its strongest segment.
    """

    name: str
    match: AudioMatch
    start_s: float


class Engine:
    """Registered sounds by name, and what a query finds among them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.analyzer = AudioAnalyzer.load()
        self.names: dict[object, str] = {}

    def register(self, name: str, fingerprint: AudioFingerprint) -> None:
        with self.db.transaction() as conn:
            self.store(conn, name, sound_of(fingerprint))

    def store(self, conn: Connection, name: str, sound: StoredSound) -> None:
        work_id, digest = uuid4(), hashlib.sha256(name.encode()).digest()
        add_work(
            conn,
            NewWork(
                id=work_id,
                creator_id=None,
                post_id=digest,
                media_type="audio",
                sha256=digest,
                mime="audio/wav",
                size_bytes=1,
                width=None,
                height=None,
                file_name=name,
                blob_key=name,
            ),
        )
        publish_sound(conn, get_work(conn, work_id), sound)
        self.names[work_id] = name

    def ask(self, query: AudioFingerprint) -> list[Hit]:
        """Every candidate of the index, judged; nothing for what is too low in detail to decide."""
        if query.insufficient_detail:
            return []
        with self.db.transaction() as conn:
            candidates = look_up(conn, keys_of(query), before=BEFORE_ALL, max_candidates=CANDIDATES)
            references = find_references(conn, [c.work_id for c in candidates])
        hits = []
        for one in candidates:
            match = self.analyzer.match(query, references[one.work_id])
            best = match.segments[0] if match.segments else None
            start_s = best.reference_start_s - best.speed * best.query_start_s if best else 0.0
            hits.append(Hit(self.names[one.work_id], match, start_s))
        return hits

    def size_bytes(self) -> dict[str, int]:
        """What the index takes on disk, indexes and overflow included, by table."""
        with self.db.transaction() as conn:
            rows = conn.execute(
                "select split_part(c.relname, '_', 2), sum(pg_total_relation_size(c.oid))::int8"
                " from pg_class c where c.relkind = 'r' and (c.relname = 'sounds' or c.relname"
                " like 'sound\\_%') group by 1"
            ).fetchall()
        return {row[0] or "sounds": row[1] for row in rows}


def sound_of(fingerprint: AudioFingerprint) -> StoredSound:
    return StoredSound(
        fingerprint.hashes,
        fingerprint.frames,
        fingerprint.reference,
        round(fingerprint.duration_s * 1000),
    )


def keys_of(query: AudioFingerprint) -> SoundQuery:
    return SoundQuery(query.keys.hashes, query.keys.positions, query.keys.groups)


@contextmanager
def scratch_database(folder: Path) -> Iterator[Database]:
    """A migrated database on a server of its own in ``folder``."""
    with EmbeddedPostgres(folder, settings=SCRATCH) as server:
        migrate(server.dsn)
        db = Database(server.dsn)
        db.open()
        yield db
        db.close()
