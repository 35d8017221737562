"""Search on a real Postgres: what the indexes return against brute force, and whose works are
looked at.
"""

from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.database import Connection, Database
from storage.search import images
from storage.search.images import View
from storage.works import analyses, creators, waiting, works
from storage.works.works import NewWork

MODEL = "test/random-directions"
RNG = np.random.default_rng(7)


@pytest.fixture
def db(database_dsn: str) -> Iterator[Database]:
    database = Database(database_dsn)
    database.open()
    yield database
    database.close()


def unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def add(
    conn: Connection,
    phash: bytes,
    embedding: NDArray[np.float32],
    *,
    creator: int | None = None,
    sha: bytes | None = None,
) -> UUID:
    work_id = uuid4()
    sha = sha or RNG.bytes(32)
    works.add_work(
        conn,
        NewWork(
            id=work_id,
            creator_id=creator,
            post_id=RNG.bytes(32),
            media_type="image",
            sha256=sha,
            mime="image/png",
            size_bytes=1,
            width=9,
            height=9,
            file_name=None,
            blob_key=sha.hex(),
        ),
    )
    work = works.get_work(conn, work_id)
    images.make_visible(
        conn, work, phash=phash, phash_quality=90, proxy=b"", embeddings={MODEL: embedding}
    )
    return work_id


def creator(conn: Connection, name: str) -> int:
    return creators.ensure_creator(conn, name, RNG.bytes(20), False).id


def near(phash: bytes, flips: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(phash, np.uint8))
    bits[RNG.choice(256, flips, replace=False)] ^= 1
    return np.packbits(bits).tobytes()


def search(
    conn: Connection, phash: bytes, embedding: NDArray[np.float32], **options: object
) -> list[images.ImageCandidate]:
    view = View("whole", phash, {MODEL: embedding})
    defaults: dict[str, object] = {"sha256": RNG.bytes(32), "before": 10**9, "creator_id": None}
    return images.find_candidates(conn, [view], **(defaults | options))  # type: ignore[arg-type]


def test_both_indexes_agree_with_brute_force(db: Database) -> None:
    hashes = [RNG.bytes(32) for _ in range(400)]
    vectors = [unit(RNG.normal(size=512)) for _ in range(400)]
    with db.transaction() as conn:
        ids = [add(conn, phash, vector) for phash, vector in zip(hashes, vectors, strict=True)]
    with db.transaction() as conn:
        # a table this small would not be searched by its index
        conn.execute("set local enable_seqscan = off")
        hits = 0
        for _ in range(20):
            phash, vector = RNG.bytes(32), unit(RNG.normal(size=512))
            bits = np.unpackbits(np.frombuffer(phash, np.uint8))
            distances = [
                int(np.sum(bits != np.unpackbits(np.frombuffer(h, np.uint8)))) for h in hashes
            ]
            cosines = [float(vector @ v) for v in vectors]
            found = {c.work_id: c for c in search(conn, phash, vector, per_view=10)}
            by_hash = sorted(
                c.phash_distance for c in found.values() if c.phash_distance is not None
            )
            assert by_hash == sorted(distances)[:10]
            best = {ids[i] for i in np.argsort(cosines)[-10:]}
            hits += len(best & set(found))
            for work_id in best & set(found):
                assert found[work_id].cosines[MODEL] == pytest.approx(
                    cosines[ids.index(work_id)], abs=2e-3
                )
    # random directions are the hardest case: the tenth and eleventh are near ties
    assert hits >= 0.97 * 20 * 10


def test_only_earlier_works_are_looked_at(db: Database) -> None:
    phash, vector = RNG.bytes(32), unit(RNG.normal(size=512))
    with db.transaction() as conn:
        first = add(conn, phash, vector)
        add(conn, phash, vector)
    with db.transaction() as conn:
        second_place = 2
        assert [c.work_id for c in search(conn, phash, vector, before=second_place)] == [first]


def test_a_flood_of_own_copies_does_not_hide_the_original(db: Database) -> None:
    phash, vector = RNG.bytes(32), unit(RNG.normal(size=512))
    with db.transaction() as conn:
        alice, bob = creator(conn, "alice"), creator(conn, "bob")
        original = add(conn, near(phash, 30), vector, creator=alice)
        for _ in range(60):
            add(conn, near(phash, 2), vector, creator=bob)
    with db.transaction() as conn:
        # through the index, which the filter must not starve
        conn.execute("set local enable_seqscan = off")
        found = search(conn, phash, vector, creator_id=bob, per_view=10, own=3)
    assert original in {c.work_id for c in found}
    assert len(found) <= 10 + 2 * 3


def test_the_source_of_a_copy_is_known(db: Database) -> None:
    phash, vector = RNG.bytes(32), unit(RNG.normal(size=512))
    with db.transaction() as conn:
        alice, bob = creator(conn, "alice"), creator(conn, "bob")
        original = add(conn, RNG.bytes(32), unit(-vector.astype(np.float64)), creator=alice)
        copy = add(conn, phash, vector, creator=bob)
        analysis_id = uuid4()
        analyses.add(
            conn,
            analyses.NewAnalysis(
                id=analysis_id,
                source="upload",
                post_id=RNG.bytes(32),
                creator_id=bob,
                media_type="image",
                policy_version=1,
                threshold_bps=9500,
                base_redirect_bps=10_000,
                work_id=copy,
            ),
        )
        conn.execute(
            "update analyses set verdict = 'derivative', matched_work_id = %s where id = %s",
            (original, analysis_id),
        )
    with db.transaction() as conn:
        assert [c.work_id for c in images.find_sources(conn, [copy], 10**9)] == [original]
        assert images.find_sources(conn, [copy, original], 10**9) == []
        assert images.find_sources(conn, [copy], 1) == []


def test_the_same_bytes_are_always_found(db: Database) -> None:
    vector, sha = unit(RNG.normal(size=512)), RNG.bytes(32)
    with db.transaction() as conn:
        same = add(conn, RNG.bytes(32), unit(-vector.astype(np.float64)), sha=sha)
        for _ in range(30):
            add(conn, RNG.bytes(32), vector)
    with db.transaction() as conn:
        found = {c.work_id: c for c in search(conn, RNG.bytes(32), vector, sha256=sha, per_view=2)}
    assert "sha256" in found[same].found_by


def test_vectors_of_two_models_never_meet(db: Database) -> None:
    vector = unit(RNG.normal(size=512))
    with db.transaction() as conn:
        add(conn, RNG.bytes(32), vector)
    with db.transaction() as conn:
        found = images.find_candidates(
            conn,
            [View("whole", RNG.bytes(32), {"test/other-model": vector})],
            sha256=RNG.bytes(32),
            before=10**9,
            creator_id=None,
        )
    assert all(not candidate.cosines for candidate in found)


def test_becoming_visible_twice_changes_nothing(db: Database) -> None:
    phash, vector = RNG.bytes(32), unit(RNG.normal(size=512))
    with db.transaction() as conn:
        work = works.get_work(conn, add(conn, phash, vector))
        images.make_visible(
            conn, work, phash=RNG.bytes(32), phash_quality=1, proxy=b"new", embeddings={}
        )
        assert search(conn, phash, vector)[0].phash_distance == 0
        assert images.find_references(conn, [work.id])[work.id].proxy == b""


def test_a_work_waits_for_those_that_came_first_until_their_analyses_end(db: Database) -> None:
    def accept(conn: Connection) -> tuple[works.Work, UUID]:
        work_id, analysis_id = uuid4(), uuid4()
        sha = RNG.bytes(32)
        new = NewWork(
            id=work_id,
            creator_id=None,
            post_id=RNG.bytes(32),
            media_type="image",
            sha256=sha,
            mime="image/png",
            size_bytes=1,
            width=9,
            height=9,
            file_name=None,
            blob_key=sha.hex(),
        )
        works.add_work(conn, new)
        queued = analyses.NewAnalysis(
            id=analysis_id,
            source="upload",
            post_id=new.post_id,
            creator_id=None,
            media_type="image",
            policy_version=1,
            threshold_bps=9500,
            base_redirect_bps=10_000,
            work_id=work_id,
        )
        analyses.add(conn, queued)
        waiting.expect(conn, analysis_id)
        return works.get_work(conn, work_id), analysis_id

    with db.transaction() as conn:
        first, first_analysis = accept(conn)
        second, second_analysis = accept(conn)
        third, third_analysis = accept(conn)
    assert first.sequence < second.sequence < third.sequence
    with db.transaction() as conn:

        def pending(of: works.Work, history: bool = False) -> bool:
            return waiting.earlier_pending(conn, of, history=history)

        assert not pending(first) and pending(third)
        waiting.wait(conn, third_analysis, third, history=False)
        assert waiting.note_read(conn, first_analysis, first, ["image"]) == []
        assert pending(third)
        conn.execute("update unread_works set history = true")
        assert not pending(third), "live posts do not wait for history"
        assert pending(third, history=True)
        conn.execute("update unread_works set history = false")
        assert waiting.forget(conn, second_analysis) == [third_analysis]
        assert not pending(third)


def test_a_work_erased_while_it_was_read_is_not_found(db: Database) -> None:
    with db.transaction() as conn:
        sha = RNG.bytes(32)
        new = NewWork(
            id=uuid4(),
            creator_id=None,
            post_id=RNG.bytes(32),
            media_type="image",
            sha256=sha,
            mime="image/png",
            size_bytes=1,
            width=9,
            height=9,
            file_name=None,
            blob_key=sha.hex(),
        )
        works.add_work(conn, new)
        work = works.get_work(conn, new.id)
        assert works.erase(conn, work.id) == sha
        images.make_visible(
            conn, work, phash=RNG.bytes(32), phash_quality=1, proxy=b"", embeddings={}
        )
        assert conn.execute("select count(*) from image_fingerprints").fetchone() == (0,)
        visible = conn.execute("select visible_at from works where id = %s", (work.id,)).fetchone()
        assert visible == (None,)
