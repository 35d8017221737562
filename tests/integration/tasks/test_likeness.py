"""The likeness channel comes on while the oracle runs, and earlier works are described then."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from starlette.testclient import TestClient
from support import clips
from support.clip_weights import install_small_graph
from support.photos import photo
from support.waiting import wait_for

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image.clip import ClipEncoder
from embeddings.image.clip_weights import Progress, ResolvedWeights, resolve_clip
from embeddings.image.decode import decode_image
from oracle import wiring
from oracle.jobs import run_worker
from oracle.settings import Settings
from oracle.tasks.likeness import Describer, fetch_until_here
from storage.database import Database
from storage.search import missing_vectors
from storage.search.videos import FrameTable, frames_of
from storage.works import works

pytest.importorskip("torch", reason="set up without the extra `clip`")

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}


@pytest.fixture
def drain(settings: Settings, db: Database) -> Callable[[], None]:
    """A worker that lives on, as `oracle worker` runs it."""
    current = wiring.Current(
        settings, lambda: wiring.make_originality(settings, db, wiring.make_handlers(settings))
    )
    return lambda: run_worker(
        db.dsn, lambda analysis_id: current().analyse(analysis_id), settings.worker, wait=False
    )


@pytest.fixture
def arrive(settings: Settings) -> Callable[[], None]:
    return lambda: install_small_graph(wiring.clip_weights(settings).folder)


def describer(
    settings: Settings,
    db: Database,
    *,
    share: float = 0.5,
    rest: Callable[[float], object] = lambda _: None,
) -> Describer:
    return wiring.make_describer(
        settings, db, resolve_clip(wiring.clip_weights(settings)), share=share, rest=rest
    )


def model_id(settings: Settings) -> str:
    return resolve_clip(wiring.clip_weights(settings)).model_id


def table(db: Database, analysis: dict[str, Any]) -> FrameTable:
    work_id = UUID(analysis["work"]["id"])
    with db.transaction() as conn:
        return frames_of(conn, [work_id])[work_id]


def clip_state(answer: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = answer["channels"]["clip"]
    return state


def test_it_comes_on_without_a_restart_and_earlier_works_get_their_vectors(
    post: Post,
    client: TestClient,
    settings: Settings,
    db: Database,
    arrive: Callable[[], None],
    tmp_path: Path,
) -> None:
    old = post(photo("temple"), "alice")
    film = clips.encode(
        tmp_path / "film.mp4", clips.montage(("coffee.png", "chelsea.png"), 3, seed=3)
    ).read_bytes()
    old_film = post(film, "alice", name="film.mp4")
    assert not clip_state(old)["on"] and "oracle models pull" in clip_state(old)["reason"]

    arrive()
    wait_for(lambda: client.get("/readyz").json()["channels"]["image"]["clip"]["on"])
    new = post(photo("rocket"), "bob")
    assert clip_state(new)["on"]
    model = model_id(settings)
    assert list(table(db, old).embeddings) != list(table(db, new).embeddings)

    frames = len(table(db, old_film).times_ms)
    assert frames > 3
    assert describer(settings, db).run() == 1 + frames
    for analysis in (old, old_film, new):
        assert model in table(db, analysis).embeddings
    (tmp_path / "temple.jpg").write_bytes(photo("temple"))
    pixels = decode_image(tmp_path / "temple.jpg", wiring.decode_limits(settings)).pixels
    wanted = ClipEncoder(resolve_clip(wiring.clip_weights(settings))).embed([pixels])[0]
    # stored as half precision
    assert np.abs(table(db, old).embeddings[model][0] - wanted).max() < 1e-3
    found = post(photo("temple", quality=60), "carol")["neighbours"]
    assert [near["work_id"] for near in found if near["verified"]] == [old["work"]["id"]]
    assert describer(settings, db).run() == 0


def test_a_stop_in_the_middle_costs_nothing_that_was_done(
    post: Post, settings: Settings, db: Database, arrive: Callable[[], None]
) -> None:
    for name in ("temple", "rocket", "cat"):
        post(photo(name), name)
    arrive()

    class Killed(Exception):
        pass

    def killed(_seconds: float) -> None:
        raise Killed

    with pytest.raises(Killed):
        describer(settings, db, rest=killed).run_once()
    assert describer(settings, db).run_once() == 2


def test_most_of_the_time_is_left_to_uploads(
    post: Post, settings: Settings, db: Database, arrive: Callable[[], None]
) -> None:
    for name in ("temple", "rocket", "cat"):
        post(photo(name), name)
    arrive()
    rests: list[float] = []
    slow = describer(settings, db, rest=rests.append, share=0.25)
    began = time.monotonic()
    assert slow.run_once() == 3
    took = time.monotonic() - began
    assert len(rests) == 3 and took < sum(rests) <= 3 * took


def test_what_is_erased_or_cannot_be_read_is_passed_over(
    post: Post, client: TestClient, settings: Settings, db: Database, arrive: Callable[[], None]
) -> None:
    erased, lost, kept = (post(photo(name), name) for name in ("temple", "rocket", "cat"))
    arrive()
    model = model_id(settings)
    vector = np.eye(512, dtype=np.float32)[0]
    erased_id, lost_id = UUID(erased["work"]["id"]), UUID(lost["work"]["id"])
    client.delete(f"/v1/works/{erased_id}", headers=OPERATOR)
    with db.transaction() as conn:
        # As if it had been erased while it was being described.
        assert missing_vectors.add_vectors(conn, erased_id, model, {0: vector}) == 0
        key = works.get_work(conn, lost_id).blob_key
    (settings.data_dir / "blobs" / key).unlink()
    assert describer(settings, db).run() == 1
    assert model in table(db, kept).embeddings and model not in table(db, lost).embeddings


def test_vectors_are_added_once_and_to_stored_frames_only(
    post: Post, settings: Settings, db: Database, arrive: Callable[[], None]
) -> None:
    work_id = UUID(post(photo("temple"), "alice")["work"]["id"])
    arrive()
    model = model_id(settings)
    vector = np.eye(512, dtype=np.float32)[0]
    with db.transaction() as conn:
        assert missing_vectors.last_registration(conn) == works.get_work(conn, work_id).sequence
        undescribed = missing_vectors.find_undescribed(conn, model, after=0, limit=10)
        assert [(one.work_id, one.media_type) for one in undescribed] == [(work_id, "image")]
        assert missing_vectors.add_vectors(conn, work_id, model, {0: vector, 5000: vector}) == 1
        assert missing_vectors.add_vectors(conn, work_id, model, {0: vector}) == 0
        assert missing_vectors.find_undescribed(conn, model, after=0, limit=10) == []


def test_a_hub_that_does_not_answer_is_asked_again_and_wrong_weights_are_not() -> None:
    asked = 0

    def pull(progress: Progress) -> ResolvedWeights:
        nonlocal asked
        asked += 1
        progress("fetching", asked, 10)
        if asked < 3:
            raise ModelUnavailable("the hub does not answer")
        return ResolvedWeights(None, "ab" * 32, "fp32", "clip/ViT-B-32/x/abab", Path())

    resolved = fetch_until_here(pull, retry_s=0)
    assert resolved is not None and asked == 3

    def mismatch(_progress: Progress) -> ResolvedWeights:
        raise WeightsMismatch

    assert fetch_until_here(mismatch, retry_s=0) is None
