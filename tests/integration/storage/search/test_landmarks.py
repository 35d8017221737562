"""The sound index on a real Postgres: who is found, who is not, and that merging changes nothing
but the layout.
"""

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest

from storage.database import Connection, Database
from storage.search.sounds import index as sound_index
from storage.search.sounds import merge
from storage.search.sounds.index import SoundQuery, StoredSound
from storage.works import creators, works
from storage.works.works import NewWork, Work

FRAMES = 800


@pytest.fixture
def db(database_dsn: str) -> Iterator[Database]:
    database = Database(database_dsn)
    database.open()
    yield database
    database.close()


def random_sound(seed: int, count: int = 1200) -> StoredSound:
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.integers(0, FRAMES, count)).astype(np.int32)
    return StoredSound(
        rng.integers(0, 1 << 21, count).astype(np.int32), frames, bytes([seed % 256]) * 9, 37_000
    )


def add(conn: Connection, sound: StoredSound, creator: int | None = None) -> Work:
    work_id, sha = uuid4(), np.random.default_rng().bytes(32)
    works.add_work(
        conn,
        NewWork(
            id=work_id,
            creator_id=creator,
            post_id=sha,
            media_type="audio",
            sha256=sha,
            mime="audio/wav",
            size_bytes=1,
            width=None,
            height=None,
            file_name=None,
            blob_key=sha.hex(),
        ),
    )
    work = works.get_work(conn, work_id)
    assert sound_index.publish_sound(conn, work, sound)
    return work


def excerpt(
    sound: StoredSound, start: int, length: int, *, kept: float = 0.5, group: int = 0
) -> SoundQuery:
    """Half of the landmarks of a stretch, among as many of chance."""
    rng = np.random.default_rng(start)
    inside = (
        (sound.frames >= start)
        & (sound.frames < start + length)
        & (rng.random(len(sound.frames)) < kept)
    )
    noise = rng.integers(0, 1 << 21, int(inside.sum())).astype(np.int32)
    positions = np.concatenate([sound.frames[inside] - start, rng.integers(0, length, len(noise))])
    return SoundQuery(
        np.concatenate([sound.hashes[inside], noise]),
        positions.astype(np.float32),
        np.full(2 * len(noise), group, np.int16),
    )


def everything(
    conn: Connection, query: SoundQuery, **options: int | None
) -> list[tuple[UUID, int, int, int]]:
    found = sound_index.look_up(conn, query, **({"before": 1 << 40} | options))  # type: ignore[arg-type]
    return [(c.work_id, c.group, c.offset_frames, c.votes) for c in found]


def postings_stored(conn: Connection) -> int:
    tables = [row[0] for row in conn.execute("select id from sound_segments").fetchall()]
    counts = [
        conn.execute(
            f"select sum(octet_length(postings)) / 4 from sound_postings_{table}"
        ).fetchone()
        for table in tables
    ]
    return sum(int(row[0]) for row in counts if row is not None)


def index_bytes(conn: Connection) -> int:
    """Of fresh tracks and segments, tables that wait to be dropped included."""
    row = conn.execute(
        "select sum(pg_total_relation_size(oid))::int8 from pg_class where relkind = 'r' and"
        " relname like 'sound\\_%%'"
    ).fetchone()
    return int(row[0]) if row else 0


def test_a_stretch_is_found_with_its_place(db: Database) -> None:
    sounds = [random_sound(seed) for seed in range(20)]
    with db.transaction() as conn:
        added = [add(conn, sound) for sound in sounds]
        query = excerpt(sounds[7], 300, 200, group=3)
        best, *others = sound_index.look_up(conn, query, before=1 << 40)
        assert best.work_id == added[7].id
        assert best.sequence == added[7].sequence
        assert (best.group, abs(best.offset_frames - 300) <= 2) == (3, True)
        assert all(other.score < best.score / 5 for other in others)
        assert best.votes > 100
        references = sound_index.find_references(conn, [best.work_id, uuid4()])
        assert references == {best.work_id: sounds[7].reference}


def test_only_earlier_works_are_looked_at(db: Database) -> None:
    sound = random_sound(1)
    with db.transaction() as conn:
        first, second = add(conn, sound), add(conn, sound)
        query = excerpt(sound, 0, FRAMES)
        assert {row[0] for row in everything(conn, query)} == {first.id, second.id}
        assert [row[0] for row in everything(conn, query, before=second.sequence)] == [first.id]
        merge.merge_all(conn)
        assert [row[0] for row in everything(conn, query, before=second.sequence)] == [first.id]
        assert everything(conn, query, before=first.sequence) == []


def test_merging_changes_no_answer(db: Database) -> None:
    sounds = [random_sound(seed) for seed in range(40)]
    queries = [excerpt(sounds[i], 37 * i % 500, 150) for i in range(0, 40, 5)]
    with db.transaction() as conn:
        for number, sound in enumerate(sounds):
            add(conn, sound)
            if number % 4 == 3 and number < 36:
                merge.merge_fresh(conn, max_fresh=1)
        segments = conn.execute("select count(*) from sound_segments").fetchone()
        fresh = conn.execute("select count(*) from sound_fresh").fetchone()
        assert segments == (2,)  # of nine: small ones were merged on the way
        assert fresh == (4,)
        before = [everything(conn, query) for query in queries]
        merge.merge_all(conn)
        assert [everything(conn, query) for query in queries] == before
        assert conn.execute("select count(*) from sound_segments").fetchone() == (1,)
        assert conn.execute("select count(*) from sound_fresh").fetchone() == (0,)
        assert postings_stored(conn) == 40 * 1200


def test_a_long_query_is_looked_up_in_parts(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [random_sound(seed) for seed in range(8)]
    with db.transaction() as conn:
        for sound in sounds:
            add(conn, sound)
        query = excerpt(sounds[3], 100, 400)
        (whole, *_) = sound_index.look_up(conn, query, before=1 << 40)
        monkeypatch.setattr(sound_index, "HASHES_AT_ONCE", 37)
        (in_parts, *_) = sound_index.look_up(conn, query, before=1 << 40)
    assert in_parts == whole


def test_a_large_index_is_split_into_ranges_of_hashes(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "SPLIT_SEGMENT", 10_000)
    sounds = [random_sound(seed) for seed in range(30)]
    queries = [excerpt(sounds[i], 37 * i % 500, 150) for i in range(0, 30, 5)]
    with db.transaction() as conn:
        for sound in sounds:
            add(conn, sound)
        before = [everything(conn, query) for query in queries]
    for number, sound in enumerate(sounds):
        with db.transaction() as conn:
            sound_index.forget(
                conn, conn.execute("select work_id from sounds order by track").fetchone()[0]
            )  # type: ignore[index]
            add(conn, sound)
            if number % 5 == 4:
                merge.merge_fresh(conn, max_fresh=1)
                found = [everything(conn, query) for query in queries]
    assert [[row[1:] for row in one] for one in found] == [
        [row[1:] for row in one] for one in before
    ]
    with db.transaction() as conn:
        ranges = conn.execute(
            "select first_hash, last_hash from sound_segments group by 1, 2 order by 1, 2"
        ).fetchall()
        whole = ranges.count((0, (1 << 21) - 1))
        assert len(ranges) - whole == 8 and ranges[-1] == (7 << 18, (1 << 21) - 1)
        answers = [everything(conn, query) for query in queries]
        merge.merge_all(conn)
        assert conn.execute("select count(*) from sound_segments").fetchone() == (8,)
        assert [everything(conn, query) for query in queries] == answers
        assert postings_stored(conn) == 30 * 1200


def test_what_is_merged_away_leaves_the_disk(db: Database) -> None:
    sounds = [random_sound(seed, 4000) for seed in range(24)]
    for sound in sounds:
        with db.transaction() as conn:
            add(conn, sound)
            merge.merge_fresh(conn, max_fresh=1)
    query = excerpt(sounds[5], 100, 300)
    with db.transaction() as conn:
        answer = everything(conn, query)
        assert index_bytes(conn) > 24 * 4000 * 16
    for _ in range(9):
        with db.transaction() as conn:
            merge.merge_segments(conn)
    with db.transaction() as conn:
        assert index_bytes(conn) < 24 * 4000 * 9 + 200_000  # no table is empty
        assert everything(conn, query) == answer
        tables = (
            "select count(*) from pg_class where relkind = 'r' and relname like"
            " 'sound\\_postings\\_%%'"
        )
        assert (
            conn.execute(tables).fetchone()
            == conn.execute("select count(*) from sound_segments").fetchone()
        )
        merge.merge_all(conn)
    merge.reclaim(db.dsn)
    with db.transaction() as conn:
        assert index_bytes(conn) < 24 * 4000 * 9 + 200_000
        assert everything(conn, query) == answer


def test_nothing_is_dropped_while_somebody_reads(db: Database) -> None:
    sounds = [random_sound(seed) for seed in range(12)]
    query = excerpt(sounds[2], 100, 300)
    with db.transaction() as reading:
        for sound in sounds[:8]:
            with db.transaction() as conn:
                add(conn, sound)
                merge.merge_fresh(conn, max_fresh=1)
        answer = everything(reading, query)
        with db.transaction() as conn:
            merge.merge_segments(conn)
            assert conn.execute("select count(*) from sound_retired").fetchone() != (0,)
        assert everything(reading, query) == answer
        reading.execute("savepoint here")
    with db.transaction() as conn:
        merge.merge_segments(conn)
        assert conn.execute("select count(*) from sound_retired").fetchone() == (0,)
        assert everything(conn, query) == answer


def test_a_reader_that_waited_for_a_merge_sees_what_it_made(db: Database) -> None:
    sound = random_sound(1)
    query = excerpt(sound, 100, 300)
    with db.transaction() as conn:
        work = add(conn, sound)
    found: list[list[tuple[UUID, int, int, int]]] = []

    def read() -> None:
        with db.transaction() as conn:
            found.append(everything(conn, query))

    reader = threading.Thread(target=read)
    with db.transaction() as merging:
        merging.execute("lock table sound_fresh in access exclusive mode")
        reader.start()
        while merging.execute("select count(*) from pg_locks where not granted").fetchone() != (1,):
            pass
        merge.merge_fresh(merging, max_fresh=1)
        merging.execute("truncate sound_fresh")
    reader.join()
    assert [row[0] for row in found[0]] == [work.id]


def test_a_snapshot_of_the_past_is_refused(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute("set transaction isolation level repeatable read")
        with pytest.raises(psycopg.errors.InvalidTransactionState, match="read committed"):
            everything(conn, excerpt(random_sound(1), 0, 100))


def test_a_forgotten_sound_is_gone_from_fresh_tracks_and_segments(db: Database) -> None:
    sound, other = random_sound(1), random_sound(2)
    query = excerpt(sound, 0, FRAMES)
    with db.transaction() as conn:
        merged = add(conn, sound)
        merge.merge_all(conn)
        fresh, kept = add(conn, sound), add(conn, other)
        assert {row[0] for row in everything(conn, query)} == {merged.id, fresh.id}
        assert sound_index.forget(conn, merged.id) and sound_index.forget(conn, fresh.id)
        assert not sound_index.forget(conn, merged.id)
        assert everything(conn, query) == []
        merge.merge_all(conn)
        assert postings_stored(conn) == 1200
        assert everything(conn, excerpt(other, 0, 200))[0][0] == kept.id


def test_a_flood_of_own_copies_does_not_hide_the_original(db: Database) -> None:
    sound = random_sound(3)
    with db.transaction() as conn:
        alice, bob = (
            creators.ensure_creator(conn, name, name.encode().ljust(20), False).id
            for name in ("alice", "bobby")
        )
        flood = [add(conn, sound, bob) for _ in range(240)]
        original = add(conn, sound, alice)
        query = excerpt(sound, 100, 300)
        found = sound_index.look_up(
            conn, query, before=1 << 40, creator_id=bob, max_candidates=10, max_own=3
        )
        assert [c.work_id for c in found if c.creator_id == alice] == [original.id]
        assert len([c for c in found if c.creator_id == bob]) == 3
        assert {c.work_id for c in found} <= {original.id, *(work.id for work in flood)}


def test_a_hash_that_is_everywhere_says_nothing(db: Database) -> None:
    hum = np.full(1200, 12345, np.int32)
    with db.transaction() as conn:
        for seed in range(30):
            sound = random_sound(seed)
            add(
                conn,
                StoredSound(np.concatenate([sound.hashes, hum]), np.tile(sound.frames, 2), b"", 1),
            )
        query = SoundQuery(hum[:200], np.arange(200, dtype=np.float32), np.zeros(200, np.int16))
        assert everything(conn, query) == []
        target = random_sound(4)
        assert everything(conn, excerpt(target, 0, 300))[0][3] > 100


def test_who_was_first_with_a_sound_that_everybody_posts_is_found(db: Database) -> None:
    hit, others = random_sound(8, 60), [random_sound(seed, 60) for seed in range(20, 25)]
    with db.transaction() as conn:
        first = add(conn, hit)
        copies = [add(conn, sound) for sound in [*others, *[hit] * 600]]
        query = excerpt(hit, 0, FRAMES, kept=0.7)
        found = sound_index.look_up(conn, query, before=1 << 40, max_candidates=10)
        assert found[0].work_id == first.id and found[0].votes >= 20
        assert {c.work_id for c in found} <= {work.id for work in copies[5:]} | {first.id}
        merge.merge_all(conn)
        assert (
            sound_index.look_up(conn, query, before=1 << 40, max_candidates=10)[0].work_id
            == first.id
        )


def test_adding_twice_stores_once(db: Database) -> None:
    sound = random_sound(5)
    with db.transaction() as conn:
        work = add(conn, sound)
        assert not sound_index.publish_sound(conn, work, sound)
        assert not sound_index.add_sound(conn, work, sound)
        assert conn.execute("select count(*) from sound_fresh").fetchone() == (1,)


def test_what_cannot_be_packed_is_refused(db: Database) -> None:
    sound = random_sound(6)
    with db.transaction() as conn:
        work = add(conn, sound)
        sound_index.forget(conn, work.id)
        with pytest.raises(ValueError, match="21 bits"):
            sound_index.add_sound(
                conn, work, StoredSound(sound.hashes + (1 << 21), sound.frames, b"", 1)
            )
        with pytest.raises(ValueError, match="longest sound"):
            sound_index.add_sound(
                conn, work, StoredSound(sound.hashes, sound.frames + (1 << 20), b"", 1)
            )
        assert (
            sound_index.look_up(
                conn, SoundQuery(*(np.empty(0, t) for t in ("i4", "f4", "i2"))), before=9
            )
            == []
        )
