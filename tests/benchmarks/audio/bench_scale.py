"""Latency of looking up a whole query in indexes of 1, 5 and 20 million landmarks, and what they
take on disk.

    PYTHONPATH=tests/benchmarks/audio:. python tests/benchmarks/audio/bench_scale.py SOUNDS_DIR
    [--millions 1 5 20]

Each index holds made tracks of 120 s: every landmark's hash is drawn from those of the real
references, so that common hashes are as common as in life. Queries are 10 s long, real and edited.
The sizes take turns query by query, on one server, so that a busy machine hits all alike; the first
round, which warms the caches, is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psycopg
from engine import BEFORE_ALL, SCRATCH, Engine, keys_of
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from scoring import Judge

from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.search.sounds.index import SoundQuery, StoredSound, look_up
from storage.search.sounds.merge import merge_segments

TRACK_S, FRAME_S, A_SECOND = 120, 512 / 11_025, 39
QUERIES, ROUNDS = 40, 3
TRACKS_AT_ONCE = 50
SEED = 7


def fill(engine: Engine, hashes: np.ndarray, landmarks: int) -> float:
    """Register made tracks up to that many landmarks; seconds it took, merging included."""
    rng = np.random.default_rng(SEED)
    per_track = TRACK_S * A_SECOND
    start = time.perf_counter()
    for first in range(0, landmarks // per_track, TRACKS_AT_ONCE):
        with engine.db.transaction() as conn:
            for number in range(first, min(first + TRACKS_AT_ONCE, landmarks // per_track)):
                frames = np.sort(rng.integers(0, int(TRACK_S / FRAME_S), per_track)).astype(
                    np.int32
                )
                sound = StoredSound(rng.choice(hashes, per_track), frames, b"made", TRACK_S * 1000)
                engine.store(conn, f"made {number}", sound)
        with engine.db.transaction() as conn:
            while merge_segments(conn):
                pass
    with engine.db._pool.connection() as conn:
        conn.autocommit = True
        conn.execute("vacuum analyze")
        conn.autocommit = False
    return time.perf_counter() - start


def time_look_up(engine: Engine, query: SoundQuery) -> float:
    """Wall-clock milliseconds of one look-up in a transaction of its own."""
    start = time.perf_counter()
    with engine.db.transaction() as conn:
        look_up(conn, query, before=BEFORE_ALL)
    return 1e3 * (time.perf_counter() - start)


def open_engine(stack: ExitStack, server_dsn: str, name: str) -> Engine:
    """A migrated database of its own on the server."""
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    dsn = make_conninfo(**{**conninfo_to_dict(server_dsn), "dbname": name})
    migrate(dsn)
    db = Database(dsn)
    db.open()
    stack.callback(db.close)
    return Engine(db)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 5, 20])
    args = parser.parse_args()
    judge = Judge(args.folder / "set")
    ten = [
        q for q, label in judge.labels.items() if label.length_s == 10 and label.expected == "copy"
    ]
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        server = stack.enter_context(EmbeddedPostgres(Path(scratch) / "postgres", settings=SCRATCH))
        engines = {m: open_engine(stack, server.dsn, f"landmarks_{m}") for m in args.millions}
        analyzer = engines[args.millions[0]].analyzer
        paths = sorted((args.folder / "set" / "references").glob("*-music.*"))[::2]
        hashes = np.concatenate([analyzer.fingerprint(path, search=False).hashes for path in paths])
        for millions, engine in engines.items():
            took = fill(engine, hashes, millions * 1_000_000)
            size = engine.size_bytes()
            print(f"{millions} M landmarks: registered in {took:.0f} s, bytes a landmark", end=" ")
            print(
                {table: round(value / millions / 1e6, 2) for table, value in size.items()},
                flush=True,
            )
        queries = []
        for name in ten[:: max(1, len(ten) // QUERIES)][:QUERIES]:
            queries.append(keys_of(analyzer.fingerprint(args.folder / "set" / "queries" / name)))
        took_ms: dict[int, list[float]] = {}
        for number in range(ROUNDS):
            if number <= 1:
                took_ms = {millions: [] for millions in engines}
            for query in queries:
                for millions, engine in engines.items():
                    took_ms[millions].append(time_look_up(engine, query))
        keys = np.median([len(query.hashes) for query in queries])
        print(f"{len(queries)} queries of 10 s, {keys:.0f} keys, {ROUNDS - 1} rounds")
        for millions, values in took_ms.items():
            p50, p95, least = np.percentile(values, (50, 95, 0))
            ratio = p50 / np.median(took_ms[args.millions[0]])
            print(
                f"{millions} M: p50 {p50:.0f} ms, p95 {p95:.0f} ms, least {least:.0f} ms, p50 x"
                f" {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
