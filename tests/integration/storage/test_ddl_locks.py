"""DDL beside traffic: whoever reads for long, such as a dump, keeps nobody waiting."""

import threading
import time

import psycopg
import pytest

from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.search import frames
from storage.search.sounds import merge


@pytest.fixture
def db(database_dsn: str):
    database = Database(database_dsn)
    database.open()
    yield database
    database.close()


def test_a_dump_holds_up_no_new_channel(db: Database) -> None:
    with psycopg.connect(db.dsn) as dump:
        dump.execute("lock table embeddings, works, embedding_models in access share mode")
        began = time.monotonic()
        with db.transaction() as conn:
            number = frames.model_partition(conn, "a new channel")
            assert frames.model_partition(conn, "a new channel") == number
        assert time.monotonic() - began < 5
    with db.transaction() as conn:
        indexes = conn.execute(
            "select indexdef from pg_indexes where tablename = %s", (f"embeddings_m{number}",)
        ).fetchall()
        bound = conn.execute(
            "select pg_get_expr(relpartbound, oid) from pg_class where relname = %s",
            (f"embeddings_m{number}",),
        ).fetchone()
    assert sum("hnsw" in row[0] for row in indexes) == 1
    # its key and the indexes of contents and creators came with the parent's
    assert len(indexes) == 4
    assert bound == (f"FOR VALUES IN ('{number}')",)


def test_who_writes_for_long_delays_a_new_channel_and_nobody_behind_it(db: Database) -> None:
    with psycopg.connect(db.dsn) as writer:
        writer.execute("lock table works in row exclusive mode")
        refused = []

        def make() -> None:
            try:
                with db.transaction() as conn:
                    frames.model_partition(conn, "another channel")
            except DatabaseUnavailable as exc:
                refused.append(str(exc))

        making = threading.Thread(target=make)
        making.start()
        time.sleep(0.1)
        began = time.monotonic()
        with db.transaction() as conn:  # waits behind it for as long as it waits itself
            conn.execute("lock table works in row exclusive mode")
        assert time.monotonic() - began < 5
        making.join(20)
        assert len(refused) == 1 and "another channel" in refused[0]
    with db.transaction() as conn:
        frames.model_partition(conn, "another channel")


def test_space_is_reclaimed_another_day_while_a_dump_reads(db: Database) -> None:
    with psycopg.connect(db.dsn) as dump:
        dump.execute("lock table sound_fresh, sound_segments in access share mode")
        began = time.monotonic()
        merge.reclaim(db.dsn)
        assert time.monotonic() - began < 10
    merge.reclaim(db.dsn)
