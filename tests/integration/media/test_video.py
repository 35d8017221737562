"""Videos from upload to verdict, on a real database: real small files, no chain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support import clips

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from oracle import wiring
from oracle.media.handler import MediaHandlers, Query
from oracle.media.image import ImageHandler
from oracle.media.video import VideoHandler
from oracle.settings import Settings
from storage.database import Database
from storage.search.images import ImageCandidate

Post = Callable[..., dict[str, Any]]
FILM = ("coffee.png", "astronaut.png", "chelsea.png")
OTHER = ("rocket.jpg", "retina.jpg", "ihc.png")


@pytest.fixture(autouse=True)
def without_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and videos alone: what is tested here is what is seen."""

    def handlers(settings: Settings) -> MediaHandlers:
        pictures = ImageAnalyzer.load(clip=None)
        return {
            "image": ImageHandler(pictures, wiring.decode_limits(settings), 20),
            "video": VideoHandler(VideoAnalyzer(pictures), 12),
        }

    monkeypatch.setattr(wiring, "make_handlers", handlers)


@pytest.fixture(scope="module")
def film() -> list[clips.Frame]:
    """Twelve seconds in three shots."""
    return clips.montage(FILM, 4, seed=3)


@pytest.fixture(scope="module")
def other() -> list[clips.Frame]:
    return clips.montage(OTHER, 4, seed=9)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., bytes]:
    """Encode frames to the bytes of a file."""

    def encoded(frames: list[clips.Frame], suffix: str = ".mp4", **options: Any) -> bytes:
        return clips.encode(tmp_path / f"clip{suffix}", frames, **options).read_bytes()

    return encoded


def only_neighbour(analysis: dict[str, Any]) -> dict[str, Any]:
    (neighbour,) = [n for n in analysis["neighbours"] if n["similarity"] >= 0.7]
    return dict(neighbour)


def test_an_edited_copy_is_derivative_with_its_stretches(
    post: Post, made: Callable[..., bytes], film: list[clips.Frame], other: list[clips.Frame]
) -> None:
    first = post(made(film), "alice", "film.mp4")
    assert first["verdict"] == "original" and first["work"]["media_type"] == "video"
    assert first["work"]["duration_ms"] == pytest.approx(12_000, abs=200)
    post(made(other), "carol", "other.mp4")
    copy = clips.each(clips.faster(film[20:], 1.25), clips.mirrored)
    second = post(made(copy, ".webm", codec="libvpx"), "bob", "copy.webm")
    assert second["verdict"] == "derivative" and second["similarity"] >= 0.95
    neighbour = only_neighbour(second)
    assert neighbour["creator"] == "alice" and neighbour["mirrored"]
    segment = max(neighbour["segments"], key=lambda s: s["query_end_s"] - s["query_start_s"])
    assert segment["speed"] == pytest.approx(1.25, abs=0.08) and segment["channel"] == "picture"
    assert (segment["reference_start_s"], segment["reference_end_s"]) == pytest.approx(
        (2.0, 12.0), abs=1.0
    )


def test_a_quote_in_a_longer_film_is_a_partial_match_and_costs_nothing(
    post: Post, made: Callable[..., bytes], film: list[clips.Frame], other: list[clips.Frame]
) -> None:
    post(made(film), "alice", "film.mp4")
    quoting = post(made(other + film[40:80] + other[::-1]), "bob", "review.mp4")
    assert quoting["verdict"] == "original" and quoting["redirect_bps"] == 0
    neighbour = only_neighbour(quoting)
    assert 0.7 <= neighbour["similarity"] < 0.95
    (segment,) = neighbour["segments"]
    assert (segment["query_start_s"], segment["query_end_s"]) == pytest.approx(
        (12.0, 16.0), abs=1.0
    )
    assert (segment["reference_start_s"], segment["reference_end_s"]) == pytest.approx(
        (4.0, 8.0), abs=1.0
    )
    assert "Partial match" in neighbour["reason"]


def test_a_frame_of_a_video_and_a_picture_shown_in_one_are_found_across_the_types(
    post: Post, made: Callable[..., bytes], film: list[clips.Frame]
) -> None:
    post(made(film), "alice", "film.mp4")
    still = post(clips.as_png(film[60]), "bob", "still.png")
    assert still["verdict"] == "derivative" and only_neighbour(still)["media_type"] == "video"
    photo = post(clips.as_png(clips.whole("brick.png")), "dora", "brick.png")
    assert photo["verdict"] == "original"
    showing = post(made([clips.whole("brick.png")] * 60), "bob", "show.mp4")
    assert showing["verdict"] == "derivative" and only_neighbour(showing)["media_type"] == "image"
    assert "shows the earlier picture" in only_neighbour(showing)["reason"]


def test_who_copies_a_still_is_traced_to_the_moment_of_the_film_it_was_taken_from(
    post: Post,
    made: Callable[..., bytes],
    film: list[clips.Frame],
    settings: Settings,
    db: Database,
    tmp_path: Path,
) -> None:
    first = post(made(film), "alice", "film.mp4")
    still = post(clips.as_png(film[60]), "bob", "still.png")
    path = tmp_path / "again.png"
    path.write_bytes(clips.as_png(film[60]))
    pictures = wiring.make_handlers(settings)["image"]
    # The indexes named the still alone.
    found = [ImageCandidate(work_id=UUID(still["work"]["id"]), found_by=("phash",))]
    judge = wiring.make_judge(settings, db)
    matches = judge.verify(pictures, pictures.extract(path), Query(bytes(32)), found)
    by_work = {str(match.work.id): match for match in matches}
    traced = by_work[first["work"]["id"]]
    assert traced.candidate.as_json()["found_by"] == ["source_of_match"]
    assert traced.candidate.as_json()["frame_ms"] > 0
    assert traced.match.verified


def test_a_still_is_compared_with_the_frame_of_a_film_that_is_nearest(
    post: Post, made: Callable[..., bytes], settings: Settings, db: Database, tmp_path: Path
) -> None:
    """Of a claim, where no index brought the film up."""
    scenes = clips.montage(["rocket.jpg", "coffee.png", "chelsea.png"], 4.0)
    first = post(made(scenes), "alice", "film.mp4")
    path = tmp_path / "still.png"
    path.write_bytes(clips.as_png(scenes[100]))
    pictures = wiring.make_handlers(settings)["image"]
    extraction = pictures.extract(path)
    with db.transaction() as conn:
        candidate = pictures.candidate_of(conn, extraction, UUID(first["work"]["id"]))
    judge = wiring.make_judge(settings, db)
    (match,) = judge.verify(pictures, extraction, Query(bytes(32)), [candidate])
    assert match.match.verified
    assert 8_000 <= match.candidate.as_json()["frame_ms"] <= 12_000


def test_black_video_is_undecided_and_says_why(post: Post, made: Callable[..., bytes]) -> None:
    analysis = post(made([clips.black()] * 40), "alice", "black.mp4")
    assert analysis["verdict"] == "undecided" and "plain" in str(analysis)
