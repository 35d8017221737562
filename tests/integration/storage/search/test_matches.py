"""Search on a real Postgres: what the indexes return against brute force, and whose works are
looked at.
"""

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.database import Connection, Database
from storage.search import contents, frames, images, missing_vectors, nearest
from storage.search.frames import StoredFrame
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
    frame = StoredFrame(phash=phash, phash_quality=90, proxy=b"", embeddings={MODEL: embedding})
    assert frames.add_frames(conn, work, [frame])
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


def test_the_index_of_vectors_agrees_with_brute_force(db: Database) -> None:
    vectors = [unit(RNG.normal(size=512)) for _ in range(400)]
    with db.transaction() as conn:
        ids = [add(conn, RNG.bytes(32), vector) for vector in vectors]
    with db.transaction() as conn:
        # a table this small would not be searched by its index
        conn.execute("set local enable_seqscan = off")
        hits = 0
        for _ in range(20):
            vector = unit(RNG.normal(size=512))
            cosines = [float(vector @ v) for v in vectors]
            found = {c.work_id: c for c in search(conn, RNG.bytes(32), vector, per_view=10)}
            best = {ids[i] for i in np.argsort(cosines)[-10:]}
            hits += len(best & set(found))
            for work_id in best & set(found):
                assert found[work_id].cosines[MODEL] == pytest.approx(
                    cosines[ids.index(work_id)], abs=2e-3
                )
    # random directions are the hardest case: the tenth and eleventh are near ties
    assert hits >= 0.97 * 20 * 10


@pytest.mark.parametrize("seqscan", ["on", "off"])
def test_every_hash_within_31_bits_is_found(db: Database, seqscan: str) -> None:
    phash = RNG.bytes(32)
    with db.transaction() as conn:
        for _ in range(200):
            add(conn, RNG.bytes(32), direction())
        bits = {add(conn, near(phash, n), direction()): n for n in range(1, 41)}
    with db.transaction() as conn:
        conn.execute(f"set local enable_seqscan = {seqscan}")
        found = {
            c.work_id: c.phash_distance
            for c in search(conn, phash, direction(), per_view=100)
            if c.phash_distance is not None
        }
    assert found == {work_id: n for work_id, n in bits.items() if n <= 31}


def direction() -> NDArray[np.float32]:
    return unit(RNG.normal(size=512))


def leads(conn: Connection) -> list[UUID]:
    return [row[0] for row in conn.execute("select work_id from image_fingerprints where lead")]


def test_nearly_equal_pictures_share_a_content(db: Database) -> None:
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        first = add(conn, phash, vector)
        add(conn, near(phash, 15), vector)
        further = add(conn, near(phash, 16), vector)
        other = add(conn, phash, unit(vector + 0.3 * direction()))
        assert sorted(leads(conn)) == sorted([first, further, other])
        # The vectors agree about who leads.
        agree = conn.execute(
            "select bool_and(f.lead = e.lead and f.content = e.content) from image_fingerprints f"
            " join embeddings e using (work_id, frame_ms)"
        ).fetchone()
        assert agree == (True,)


def test_of_a_content_the_first_works_and_the_nearest_come(db: Database) -> None:
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        alice, bob = creator(conn, "alice"), creator(conn, "bob")
        early = [add(conn, near(phash, 6), vector, creator=alice) for _ in range(3)]
        for _ in range(40):
            add(conn, near(phash, 9), unit(vector + 0.05 * direction()), creator=alice)
        copied = add(conn, near(phash, 2), vector, creator=alice)
        own = add(conn, near(phash, 6), vector, creator=bob)
        found = {c.work_id for c in search(conn, phash, vector, creator_id=bob)}
    assert {*early, copied, own} <= found
    assert len(found) <= 20


def test_who_leads_a_content_and_is_erased_has_an_heir(db: Database) -> None:
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        first, second, third = (add(conn, near(phash, 3), vector) for _ in range(3))
        assert leads(conn) == [first]
    for gone, heirs in ((first, [second, third]), (third, [second]), (second, [])):
        with db.transaction() as conn:
            works.erase(conn, gone)
        with db.transaction() as conn:
            assert leads(conn) == heirs[:1]
            assert {c.work_id for c in search(conn, phash, vector)} == set(heirs)


def test_a_lead_that_is_being_erased_leads_nobody(db: Database, database_dsn: str) -> None:
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        first = add(conn, phash, vector)
    joined: list[UUID] = []

    def join() -> None:
        with db.transaction() as conn:
            joined.append(add(conn, phash, vector))

    thread = threading.Thread(target=join)
    with db.transaction() as conn:
        contents.pass_leads(conn, first)
        conn.execute("delete from image_fingerprints where work_id = %s", (first,))
        thread.start()
        thread.join(1.0)
        assert thread.is_alive(), "it waits, since what it would join may go"
    thread.join()
    with db.transaction() as conn:
        assert leads(conn) == joined


def test_a_content_whose_lead_has_no_vector_is_found_by_another_of_it(db: Database) -> None:
    phash, vector = RNG.bytes(32), direction()
    model = "test/came-later"

    def found() -> set[UUID]:
        with db.transaction() as conn:
            view = View("whole", RNG.bytes(32), {model: vector})
            candidates = images.find_candidates(
                conn, [view], sha256=RNG.bytes(32), before=10**9, creator_id=None
            )
        return {candidate.work_id for candidate in candidates}

    with db.transaction() as conn:
        first, second, third = (add(conn, phash, vector) for _ in range(3))
        assert leads(conn) == [first]
        missing_vectors.add_vectors(conn, third, model, {0: vector})
    assert found() == {third}
    with db.transaction() as conn:
        for late in (first, second):
            missing_vectors.add_vectors(conn, late, model, {0: vector})
        assert conn.execute(
            "select work_id from embeddings e join embedding_models m on m.id = model_id"
            " where name = %s and lead",
            (model,),
        ).fetchall() == [(third,)]
    assert found() == {first, second, third}
    with db.transaction() as conn:
        works.erase(conn, third)
    assert found() == {first, second}


def test_a_vector_waits_for_the_lead_that_is_passed_on(db: Database) -> None:
    phash, vector = RNG.bytes(32), direction()
    model = "test/came-meanwhile"
    with db.transaction() as conn:
        first, second = (add(conn, phash, vector) for _ in range(2))
        missing_vectors.add_vectors(conn, first, model, {0: vector})

    def describe() -> None:
        with db.transaction() as conn:
            missing_vectors.add_vectors(conn, second, model, {0: vector})

    thread = threading.Thread(target=describe)
    with db.transaction() as conn:
        works.erase(conn, first)
        thread.start()
        thread.join(1.0)
        assert thread.is_alive()
    thread.join()
    with db.transaction() as conn:
        assert conn.execute(
            "select work_id from embeddings e join embedding_models m on m.id = model_id"
            " where name = %s and lead",
            (model,),
        ).fetchall() == [(second,)]


def test_where_the_index_answers_with_too_few_all_vectors_are_compared(db: Database) -> None:
    with db.transaction() as conn:
        vectors = {
            add(conn, RNG.bytes(32), vector): vector for vector in (direction() for _ in range(60))
        }
    with db.transaction() as conn:
        vector = direction()
        conn.execute("set local enable_seqscan = off")
        conn.execute("set local hnsw.max_scan_tuples = 1")
        hits = nearest.find_nearest(
            conn,
            [nearest.Lookup(None, {MODEL: vector})],
            before=10**9,
            creator_id=None,
            others=20,
            own=5,
            ef_search=1,
        )
    best = sorted(vectors, key=lambda work_id: -float(vectors[work_id] @ vector))[:20]
    assert {hit.work_id for hit in hits} == set(best)


def test_what_is_posted_thousands_of_times_hides_nothing(db: Database) -> None:
    """As after a restore: thousands of one picture in the index, which is built anew, and sources
    that are posted afterwards.
    """
    phash, vector = RNG.bytes(32), direction()
    with db.transaction() as conn:
        first = add(conn, phash, vector)
        again = add(conn, phash, vector)
        assert leads(conn) == [first]
        repeat(conn, again, 3000)
        model = frames.model_partition(conn, MODEL)
        conn.execute(f"reindex table embeddings_m{model}")
        conn.execute("reindex table image_fingerprints")
    with db.transaction() as conn:
        conn.execute("set local enable_seqscan = off")
        # In one cone, as the vectors of a model are.
        posted = {add(conn, RNG.bytes(32), v): v for v in (cone() for _ in range(60))}
        for work_id, source in posted.items():
            edited = unit(source + 0.5 * direction())
            assert work_id in {c.work_id for c in search(conn, RNG.bytes(32), edited)}
        assert first in {c.work_id for c in search(conn, phash, vector)}


def repeat(conn: Connection, work_id: UUID, count: int) -> None:
    """Register a work again and again, as it was registered."""
    for _ in range(count // 1000):
        conn.execute(
            """
            with added as (
                insert into works (id, registration, registered_at, post_id, media_type, sha256,
                    mime, size_bytes, blob_key, published_at, visible_at)
                select gen_random_uuid(), nextval('work_registration'), registered_at, post_id,
                    media_type, sha256, mime, size_bytes, blob_key, published_at, visible_at
                from works, generate_series(1, 1000) where id = %(id)s
                returning id, registration
            ), seen as (
                insert into image_fingerprints (work_id, registration, content, lead, phash,
                    phash_quality, proxy)
                select added.id, added.registration, content, lead, phash, phash_quality, proxy
                from added, image_fingerprints f where f.work_id = %(id)s
            )
            insert into embeddings (model_id, work_id, registration, content, lead, embedding)
            select model_id, added.id, added.registration, content, lead, embedding
            from added, embeddings e where e.work_id = %(id)s
            """,
            {"id": work_id},
        )


COMMON = unit(RNG.normal(size=512))


def cone() -> NDArray[np.float32]:
    return unit(COMMON + direction())


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


def test_the_first_of_a_content_is_the_one_that_is_dated_first(db: Database) -> None:
    """A contract's request is numbered after uploads that came after its block."""
    phash, vector, sha = RNG.bytes(32), unit(RNG.normal(size=512)), RNG.bytes(32)
    with db.transaction() as conn:
        for number in range(8):
            add(conn, phash, vector, creator=creator(conn, f"c{number}"), sha=sha)
        request = add(conn, phash, vector, creator=creator(conn, "asker"), sha=sha)
        conn.execute("update works set dated_at = '2020-01-01' where id = %s", (request,))
        assert images.same_bytes(conn, sha, 10**9)[0] == request
        assert request in {found.work_id for found in search(conn, phash, vector)}


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
        other = StoredFrame(phash=RNG.bytes(32), phash_quality=1, proxy=b"new")
        assert not frames.add_frames(conn, work, [other])
        assert search(conn, phash, vector)[0].phash_distance == 0
        assert frames.find_references(conn, [work.id])[work.id][0].proxy == b""


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
        frame = StoredFrame(phash=RNG.bytes(32), phash_quality=1, proxy=b"")
        assert not frames.add_frames(conn, work, [frame])
        assert conn.execute("select count(*) from image_fingerprints").fetchone() == (0,)
        visible = conn.execute("select visible_at from works where id = %s", (work.id,)).fetchone()
        assert visible == (None,)
