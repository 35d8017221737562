"""Sound from upload to verdict, on a real database: real files, no chain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import sounds

from embeddings.audio.analyzer import AudioAnalyzer
from oracle import wiring
from oracle.media.audio import AudioHandler
from oracle.media.handler import MediaHandlers, Query
from oracle.settings import Settings
from storage.database import Database

Post = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def sound_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No other kind: what is tested here is what is heard."""

    def handlers(_: Settings) -> MediaHandlers:
        return {"audio": AudioHandler(AudioAnalyzer.load(), 20)}

    monkeypatch.setattr(wiring, "make_handlers", handlers)
    yield


@pytest.fixture(scope="module")
def song() -> sounds.Samples:
    return sounds.tune(101, 25.0)


def post_as(
    post: Post, samples: sounds.Samples, creator: str, suffix: str = "flac"
) -> dict[str, Any]:
    return post(sounds.encoded(samples, suffix), creator, f"upload.{suffix}")


def test_an_edited_copy_is_derivative_and_shows_where(post: Post, song: sounds.Samples) -> None:
    first = post_as(post, song, "alice")
    assert first["verdict"] == "original" and first["work"]["media_type"] == "audio"
    assert first["work"]["duration_ms"] == pytest.approx(25_000, abs=50)
    other = post_as(post, sounds.tune(102, 25.0), "carol")
    assert other["verdict"] == "original"
    excerpt = sounds.mixed(
        sounds.faster(sounds.part(song, 6.0, 12.0), 1.03), sounds.noise(1, 12.0), 6.0
    )
    copy = post_as(post, excerpt, "bob", "mp3")
    assert copy["verdict"] == "derivative" and copy["similarity"] >= 0.95
    (neighbour,) = [n for n in copy["neighbours"] if n["similarity"] >= 0.7]
    assert neighbour["creator"] == "alice"
    segment = neighbour["segments"][0]
    assert segment["reference_start_s"] == pytest.approx(6.0, abs=0.25)
    assert segment["speed"] == pytest.approx(1.03, abs=0.01)
    assert "faster" in neighbour["reason"]


def test_a_quotation_is_shown_and_costs_nothing(post: Post, song: sounds.Samples) -> None:
    post_as(post, song, "alice")
    mine = sounds.tune(103, 30.0)
    quoting = np.concatenate(
        [mine[: 10 * sounds.RATE_HZ], sounds.part(song, 5.0, 5.0), mine[10 * sounds.RATE_HZ :]]
    )
    answer = post_as(post, quoting, "bob")
    assert answer["verdict"] == "original" and answer["redirect_bps"] == 0
    (neighbour,) = [n for n in answer["neighbours"] if n["similarity"] >= 0.6]
    assert neighbour["similarity"] < 0.95 and "share" in neighbour["reason"]
    (segment,) = neighbour["segments"]
    assert (segment["query_start_s"], segment["query_end_s"]) == pytest.approx(
        (10.0, 15.0), abs=0.5
    )


def test_the_same_file_again_is_one_s_own(post: Post, song: sounds.Samples) -> None:
    post_as(post, song, "alice")
    assert post_as(post, song, "alice", "wav")["verdict"] == "self_duplicate"


@pytest.mark.parametrize(
    "samples", [np.zeros(5 * sounds.RATE_HZ, np.float32), np.ones(1, np.float32)]
)
def test_silence_and_a_single_sample_are_undecided(
    post: Post, db: Database, samples: sounds.Samples
) -> None:
    first = post_as(post, samples, "alice", "wav")
    second = post_as(post, samples, "bob", "wav")
    assert [first["verdict"], second["verdict"]] == ["undecided", "undecided"]
    with db.transaction() as conn:
        assert conn.execute("select count(*) from sounds").fetchone() == (0,)


def test_a_damaged_file_is_refused_and_leaves_nothing(
    client: Any, db: Database, song: sounds.Samples
) -> None:
    content = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20)
    answer = client.post("/upload", files={"file": ("x.wav", content)}, data={"creator": "alice"})
    assert 400 <= answer.status_code < 500 and answer.json()["code"].startswith("media_")
    with db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (0,)
        assert conn.execute("select count(*) from sounds").fetchone() == (0,)


def test_a_match_is_found_again_without_the_index(
    post: Post, db: Database, song: sounds.Samples, tmp_path: Path
) -> None:
    first = post_as(post, song, "alice")
    kind = AudioHandler(AudioAnalyzer.load(), 20)
    extraction = kind.extract(sounds.written(tmp_path, sounds.part(song, 3.0, 8.0)))
    with db.transaction() as conn:
        found = kind.search(conn, extraction, Query(bytes(32)))
    (_, by_index), *_ = kind.verify(db, extraction, found)
    with db.transaction() as conn:
        conn.execute("delete from sound_fresh")
        assert not kind.search(conn, extraction, Query(bytes(32)))
    again = kind.candidate_from({"work": {"id": first["work"]["id"]}})
    ((_, by_hand),) = kind.verify(db, extraction, [again])
    assert by_hand.similarity == by_index.similarity >= 0.95
    assert by_hand == by_index


def test_the_preview_shows_the_sound_s_shape(song: sounds.Samples, tmp_path: Path) -> None:
    quiet_end = np.concatenate([song, np.zeros(25 * sounds.RATE_HZ, np.float32)])
    path = sounds.written(tmp_path, quiet_end)
    picture = np.asarray(AudioHandler(AudioAnalyzer.load(), 20).preview(path, 40_000).convert("L"))
    inked = (picture < 200).sum(axis=0)
    assert inked[:380].mean() > 10 * inked[420:600].mean()
    assert inked[635:646].max() == picture.shape[0]  # the mark at 40 of 50 seconds


def test_of_what_is_too_short_only_the_very_same_file_tells(post: Post) -> None:
    click = sounds.part(sounds.tune(104, 3.0), 1.0, 0.7)
    assert post_as(post, click, "alice")["verdict"] == "undecided"
    answer = post_as(post, click, "bob")
    assert answer["verdict"] == "derivative" and answer["similarity"] == 1.0
    assert post_as(post, click, "bob", "wav")["verdict"] == "undecided"
    silence = np.zeros_like(click)
    post_as(post, silence, "alice")
    assert post_as(post, silence, "bob")["verdict"] == "undecided"
