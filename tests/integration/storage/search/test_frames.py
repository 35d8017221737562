"""Keyframes on a real Postgres: one statement for a whole video, pictures and frames in the same
indexes.
"""

from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from storage.database import Connection, Database
from storage.search import images, videos
from storage.search.frames import Reference, StoredFrame, add_frames, find_references, keep_features
from storage.search.images import View
from storage.search.nearest import OF_CONTENT
from storage.search.videos import FrameQuery
from storage.works import creators, works
from storage.works.works import NewWork

MODEL = "test/random-directions"
RNG = np.random.default_rng(11)


@pytest.fixture
def db(database_dsn: str) -> Iterator[Database]:
    database = Database(database_dsn)
    database.open()
    yield database
    database.close()


def direction() -> NDArray[np.float32]:
    vector = RNG.normal(size=512)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def near(phash: bytes, flips: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(phash, np.uint8))
    bits[RNG.choice(256, flips, replace=False)] ^= 1
    return np.packbits(bits).tobytes()


def frame(
    ms: int, phash: bytes | None = None, vector: NDArray[np.float32] | None = None
) -> StoredFrame:
    return StoredFrame(
        frame_ms=ms,
        span_ms=1000,
        phash=phash or RNG.bytes(32),
        phash_quality=90,
        proxy=b"proxy of %d" % ms,
        embeddings={MODEL: direction() if vector is None else vector},
    )


def accept(conn: Connection, media_type: str, creator: int | None = None) -> works.Work:
    sha = RNG.bytes(32)
    new = NewWork(
        id=uuid4(),
        creator_id=creator,
        post_id=RNG.bytes(32),
        media_type=media_type,
        sha256=sha,
        mime="video/mp4",
        size_bytes=1,
        width=9,
        height=9,
        file_name=None,
        blob_key=sha.hex(),
    )
    works.add_work(conn, new)
    return works.get_work(conn, new.id)


def add_video(conn: Connection, *stored: StoredFrame, creator: int | None = None) -> UUID:
    work = accept(conn, "video", creator)
    assert videos.add_video(
        conn, work, stored, duration_ms=1000 * len(stored), interval_ms=1000, plain_ms=0
    )
    return work.id


def add_picture(conn: Connection, phash: bytes, vector: NDArray[np.float32]) -> UUID:
    work = accept(conn, "image")
    add_frames(
        conn,
        work,
        [StoredFrame(phash=phash, phash_quality=90, proxy=b"picture", embeddings={MODEL: vector})],
    )
    return work.id


def look_up(conn: Connection, *queries: StoredFrame, **options: object) -> list[videos.FrameHit]:
    asked = [
        FrameQuery(at, "whole", query.phash, query.embeddings) for at, query in enumerate(queries)
    ]
    defaults: dict[str, object] = {"before": 10**9, "creator_id": None}
    return videos.find_frame_candidates(conn, asked, **(defaults | options))  # type: ignore[arg-type]


def test_every_frame_finds_its_own_through_both_indexes(db: Database) -> None:
    stored = [frame(1000 * at) for at in range(40)]
    with db.transaction() as conn:
        video = add_video(conn, *stored)
        for _ in range(3):
            add_video(conn, *(frame(1000 * at) for at in range(40)))
    with db.transaction() as conn:
        # a table this small would not be searched by its index
        conn.execute("set local enable_seqscan = off")
        hits = look_up(conn, *stored, per_frame=3)
    best = {
        (hit.query_frame, hit.channel): hit for hit in sorted(hits, key=lambda hit: -hit.distance)
    }
    assert len(best) == 40 * 2
    for (at, channel), hit in best.items():
        assert (hit.work_id, hit.frame_ms) == (video, 1000 * at), (channel, hit)
        assert hit.distance == pytest.approx(0.0, abs=2e-3)
    for at in range(40):
        channels = [hit.channel for hit in hits if hit.query_frame == at]
        assert channels.count(MODEL) == 3 and channels.count("phash") == 1


def test_the_distances_are_those_of_brute_force(db: Database) -> None:
    query = frame(0)
    stored = [frame(1000 * at, near(query.phash, 2 * at)) for at in range(60)]
    with db.transaction() as conn:
        add_video(conn, *stored)
        hits = look_up(conn, query, per_frame=5)
    assert sorted(h.distance for h in hits if h.channel == "phash") == [0, 2, 4, 6, 8]
    cosines = sorted(1.0 - float(query.embeddings[MODEL] @ f.embeddings[MODEL]) for f in stored)
    assert sorted(h.distance for h in hits if h.channel == MODEL) == pytest.approx(
        cosines[:5], abs=2e-3
    )


def test_only_earlier_works_and_the_own_ones_apart(db: Database) -> None:
    wanted = frame(0)
    with db.transaction() as conn:
        bob = creators.ensure_creator(conn, "bob", RNG.bytes(20), False).id
        first = add_video(conn, frame(0, near(wanted.phash, 20), wanted.embeddings[MODEL]))
        for _ in range(12):
            add_video(conn, frame(0, near(wanted.phash, 2), wanted.embeddings[MODEL]), creator=bob)
        add_video(conn, wanted)
        place = works.get_work(conn, first).sequence
        hits = look_up(conn, wanted, before=place + 13, creator_id=bob, per_frame=4, own=2)
        assert look_up(conn, wanted, before=place) == []
    whose = [hit.work_id == first for hit in hits if hit.channel == "phash"]
    assert whose.count(True) == 1 and OF_CONTENT <= whose.count(False) <= 2 * OF_CONTENT


def test_pictures_and_frames_find_each_other(db: Database) -> None:
    shown = frame(7000)
    with db.transaction() as conn:
        video = add_video(conn, frame(0), frame(3000), shown, frame(9000))
        picture = add_picture(conn, near(shown.phash, 4), shown.embeddings[MODEL])
        candidates = images.find_candidates(
            conn,
            [View("whole", shown.phash, shown.embeddings)],
            sha256=RNG.bytes(32),
            before=10**9,
            creator_id=None,
        )
        hits = look_up(conn, shown)
        by_work = {candidate.work_id: candidate for candidate in candidates}
        assert by_work[video].frame_ms == 7000 and by_work[picture].frame_ms == 0
        assert {(h.work_id, h.frame_ms) for h in hits if h.distance < 5} >= {
            (video, 7000),
            (picture, 0),
        }
        chosen = [by_work[video], by_work[picture]]
        references = find_references(
            conn, [c.work_id for c in chosen], [c.frame_ms for c in chosen]
        )
    assert references == {
        video: [Reference(video, 7000, b"proxy of 7000", None)],
        picture: [Reference(picture, 0, b"picture", None)],
    }


def test_a_crop_names_its_frame_by_the_embedding_alone(db: Database) -> None:
    vector = direction()
    with db.transaction() as conn:
        video = add_video(
            conn, *(frame(1000 * at) for at in range(20)), frame(20_000, None, vector)
        )
        found = images.find_candidates(
            conn,
            [View("whole", RNG.bytes(32), {MODEL: vector})],
            sha256=RNG.bytes(32),
            before=10**9,
            creator_id=None,
        )
    assert [(c.work_id, c.frame_ms) for c in found] == [(video, 20_000)]


def test_the_frames_of_a_work_come_back_in_order(db: Database) -> None:
    stored = [frame(4000), frame(0), frame(1000)]
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        work = accept(conn, "video")
        videos.add_video(conn, work, stored, duration_ms=5500, interval_ms=1000, plain_ms=500)
        picture = add_picture(conn, phash, vector)
        tables = videos.frames_of(conn, [work.id, picture, uuid4()])
        wanted = [(work.id, 4000), (picture, 0), (work.id, 77)]
        keep_features(conn, {wanted[0]: b"old", wanted[2]: b"of a frame that is gone"})
        keep_features(conn, {wanted[0]: b"features"})
        references = videos.find_frame_references(conn, wanted)
    table = tables[work.id]
    assert set(tables) == {work.id, picture}
    assert (table.duration_ms, table.interval_ms, table.plain_ms) == (5500, 1000, 500)
    assert table.times_ms.tolist() == [0, 1000, 4000] and table.spans_ms.tolist() == [1000] * 3
    assert table.phashes[2].tobytes() == stored[0].phash
    np.testing.assert_allclose(table.embeddings[MODEL][1], stored[2].embeddings[MODEL], atol=1e-3)
    assert tables[picture].duration_ms == 0 and tables[picture].spans_ms.tolist() == [0]
    assert references == {
        (work.id, 4000): Reference(work.id, 4000, b"proxy of 4000", b"features"),
        (picture, 0): Reference(picture, 0, b"picture", None),
    }


def test_a_video_becomes_visible_once_and_leaves_with_its_work(db: Database) -> None:
    with db.transaction() as conn:
        work = accept(conn, "video")
        assert videos.add_video(
            conn, work, [frame(0)], duration_ms=1000, interval_ms=1000, plain_ms=0
        )
        assert not videos.add_video(
            conn, work, [frame(5)], duration_ms=9, interval_ms=9, plain_ms=0
        )
        assert videos.frames_of(conn, [work.id])[work.id].times_ms.tolist() == [0]
        conn.execute("delete from works where id = %s", (work.id,))
        assert videos.frames_of(conn, [work.id]) == {}
        assert conn.execute("select count(*) from videos").fetchone() == (0,)


def test_two_frames_cannot_hold_the_same_moment(db: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), db.transaction() as conn:
        work = accept(conn, "video")
        videos.add_video(
            conn, work, [frame(0), frame(0)], duration_ms=1000, interval_ms=1000, plain_ms=0
        )


def test_a_video_without_frames_is_visible_and_finds_nothing(db: Database) -> None:
    with db.transaction() as conn:
        add_video(conn, frame(0))
        work = accept(conn, "video")
        assert videos.add_video(conn, work, [], duration_ms=4000, interval_ms=1000, plain_ms=4000)
        assert look_up(conn) == []
        assert videos.frames_of(conn, [work.id]) == {}
