"""The right stretches of the right video, proven; and silence where only a room, a frame or a
subject is shared.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import clips, films

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.fingerprint import VideoFingerprint
from embeddings.video.match import VideoMatch, VideoSegment

FILM = ("coffee.png", "astronaut.png", "china.jpg", "chelsea.png")
OTHER = ("rocket.jpg", "flower.jpg", "ihc.png", "retina.jpg")
Frames = list[clips.Frame]


@pytest.fixture(scope="module")
def analyzer() -> VideoAnalyzer:
    return VideoAnalyzer(ImageAnalyzer.load(clip=None))


@pytest.fixture(scope="module")
def film() -> Frames:
    """24 seconds in four shots."""
    return clips.montage(FILM, 6, seed=3)


@pytest.fixture(scope="module")
def other() -> Frames:
    return clips.montage(OTHER, 6, seed=9)


@pytest.fixture(scope="module")
def original(film: Frames, analyzer: VideoAnalyzer) -> VideoFingerprint:
    return films.fingerprint(film, analyzer.image)


def times(segment: VideoSegment) -> tuple[float, float, float, float]:
    return (
        segment.query_start_s,
        segment.query_end_s,
        segment.reference_start_s,
        segment.reference_end_s,
    )


def only_segment(match: VideoMatch) -> VideoSegment:
    (segment,) = [segment for segment in match.segments if segment.verified]
    return segment


GROUND = clips.scene("gravel.png", 1)[0]
EDITS: dict[str, Callable[[clips.Frame], clips.Frame]] = {
    "as it is": lambda frame: frame,
    "mirrored": clips.mirrored,
    "cropped": clips.cropped,
    "tightly cropped": lambda frame: clips.cropped(frame, 0.35),
    "letterboxed": clips.letterboxed,
    "captioned": clips.captioned,
    "put into a frame": lambda frame: clips.in_a_frame(frame, GROUND),
    "turned by 90 degrees": np.rot90,
    "turned by 180 degrees": lambda frame: np.rot90(frame, 2),
    "negative": lambda frame: 255 - frame,
    "negative, mirrored": lambda frame: 255 - clips.mirrored(frame),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_whole_is_a_copy_of_the_whole(
    edit: str, film: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    match = films.match(
        analyzer, films.fingerprint(clips.each(film, EDITS[edit]), analyzer.image), original
    )
    assert match.verified and match.similarity >= 0.95 and not match.sound_only, match.reason
    assert match.agreement == "picture_only" and match.mirrored == edit.endswith("mirrored")
    segment = only_segment(match)
    assert times(segment) == pytest.approx(
        (0, 24, 0, 24), abs=1.0
    ) and segment.speed == pytest.approx(1.0, abs=0.03)
    assert match.query_coverage > 0.95 and match.reference_coverage > 0.95
    if edit in ("as it is", "mirrored"):
        assert match.similarity > 0.99


@pytest.mark.parametrize(
    ("speed", "cut"), [(1.0, (65, 190)), (1.25, (0, 240)), (0.8, (35, 215)), (1.5, (20, 240))]
)
def test_trims_and_speeds_are_found_on_both_timelines(
    speed: float,
    cut: tuple[int, int],
    film: Frames,
    original: VideoFingerprint,
    analyzer: VideoAnalyzer,
) -> None:
    query = films.fingerprint(clips.faster(film[cut[0] : cut[1]], speed), analyzer.image)
    match = films.match(analyzer, query, original)
    assert match.verified
    segment = max(
        (s for s in match.segments if s.verified), key=lambda s: s.query_end_s - s.query_start_s
    )
    wanted = (0.0, query.duration_s, cut[0] / 10, cut[1] / 10)
    assert times(segment) == pytest.approx(wanted, abs=1.0) and segment.speed == pytest.approx(
        speed, rel=0.05
    )


def test_backwards_is_found_and_said(
    film: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    match = films.match(analyzer, films.fingerprint(film[::-1], analyzer.image), original)
    segment = only_segment(match)
    assert match.verified and segment.reversed and "backwards" in match.reason
    assert times(segment) == pytest.approx((0, 24, 0, 24), abs=1.0)


def test_a_short_quote_is_partial_and_a_whole_clip_in_a_longer_film_is_a_copy(
    film: Frames, other: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    quote = films.fingerprint(other[:120] + film[60:110] + other[120:], analyzer.image)
    match = films.match(analyzer, quote, original)
    assert match.partial and not match.verified and 0.7 <= match.similarity < 0.95
    assert times(only_segment(match)) == pytest.approx((12, 17, 6, 11), abs=0.75)
    assert match.reason.startswith("Partial match: 0:1")
    longer = films.fingerprint(other[:120] + film + other[120:], analyzer.image)
    match = films.match(analyzer, longer, original)
    assert (
        match.verified
        and match.reference_coverage > 0.95
        and match.query_coverage == pytest.approx(0.5, abs=0.05)
    )
    assert 0.95 < match.similarity < 0.98, "half of it is the poster's own"


def test_two_quotes_in_another_order_are_two_stretches(
    film: Frames, other: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    query = films.fingerprint(film[180:240] + other[:60] + film[0:60], analyzer.image)
    match = films.match(analyzer, query, original)
    found = sorted(times(segment) for segment in match.segments if segment.verified)
    assert len(found) == 2
    assert found[0] == pytest.approx((0, 6, 18, 24), abs=1.0) and found[1] == pytest.approx(
        (12, 18, 0, 6), abs=1.0
    )
    assert "1 more stretch" in match.reason


def test_other_films_stay_silent(
    other: Frames, film: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    match = films.match(analyzer, films.fingerprint(other, analyzer.image), original, probe=True)
    assert (
        match.similarity < 0.7
        and not match.verified
        and not match.partial
        and match.agreement == "nothing"
    )


def test_a_copied_talking_head_is_a_copy_at_any_phase(analyzer: VideoAnalyzer) -> None:
    take = films.talking_head(1)
    original = films.fingerprint(take, analyzer.image)
    for part in (
        take,
        clips.each(take[35:], clips.mirrored),
        clips.each(take[13:], lambda f: clips.cropped(f, 0.1)),
    ):
        match = films.match(analyzer, films.fingerprint(part, analyzer.image), original)
        assert match.verified, match.reason
        assert only_segment(match).motion == "agrees"


def test_another_take_in_the_same_room_is_not(analyzer: VideoAnalyzer) -> None:
    original = films.fingerprint(films.talking_head(1), analyzer.image)
    for seed, face in ((2, "astronaut.png"), (3, "astronaut.png"), (4, "chelsea.png")):
        query = films.fingerprint(films.talking_head(seed, face=face), analyzer.image)
        match = films.match(analyzer, query, original, probe=True)
        assert not match.verified and not match.partial and match.similarity < 0.7, match.reason
        assert "unmoving ground" in match.reason
        assert any(pair.verified for pair in match.pairs), (
            "every single frame is proven: that is what makes it hard"
        )


def test_one_still_picture_is_no_copy_of_a_video(analyzer: VideoAnalyzer) -> None:
    cover = [clips.whole("retina.jpg")] * 120
    original = films.fingerprint(cover, analyzer.image)
    assert len(original.frames) == 1 and original.frames[0].span_s == 12.0
    match = films.match(analyzer, films.fingerprint(cover[:100], analyzer.image), original)
    assert (
        match.partial
        and match.similarity == pytest.approx(0.9)
        and "one still picture" in match.reason
    )


def test_one_moment_of_a_film_as_a_film_is_a_copy(
    film: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    match = films.match(analyzer, films.fingerprint([film[93]] * 80, analyzer.image), original)
    assert match.verified and 0.95 <= match.similarity < 0.96, match.reason
    assert only_segment(match).motion == "moment"
    assert times(only_segment(match)) == pytest.approx((0, 8, 9.3, 9.3), abs=1.5)


def test_one_moment_of_another_take_is_none(analyzer: VideoAnalyzer) -> None:
    original = films.fingerprint(films.talking_head(1), analyzer.image)
    for seed in (2, 3, 4, 5):
        still = [films.talking_head(seed, 4)[20]] * 80
        match = films.match(analyzer, films.fingerprint(still, analyzer.image), original)
        assert not match.verified, match.reason


@pytest.mark.parametrize("scale", [0.65, 0.45])
def test_a_window_over_another_running_film_is_found(
    scale: float, film: Frames, other: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    shown = clips.each(film, lambda frame: frame)
    width, height = (round(side * scale) for side in clips.SIZE)
    for at, frame in enumerate(shown):
        canvas = other[at].copy()
        canvas[20 : 20 + height, 100 : 100 + width] = cv2.resize(frame, (width, height))
        shown[at] = canvas
    query = films.fingerprint(shown, analyzer.image)
    assert len(query.window) == len(query.frames)
    match = films.match(analyzer, query, original)
    assert match.verified, match.reason
    assert times(only_segment(match)) == pytest.approx((0, 24, 0, 24), abs=1.0)


def test_a_fixed_camera_s_part_of_a_longer_film_is_a_copy(
    other: Frames, analyzer: VideoAnalyzer
) -> None:
    take = films.talking_head(1)
    original = films.fingerprint(take, analyzer.image)
    for first in (20, 95):
        longer = other[:130] + take[first : first + 135] + other[130:]
        match = films.match(analyzer, films.fingerprint(longer, analyzer.image), original)
        assert match.verified, match.reason
    for seed in (2, 3):
        longer = other[:130] + films.talking_head(seed)[:135] + other[130:]
        query = films.fingerprint(longer, analyzer.image)
        match = films.match(analyzer, query, original, probe=True)
        assert not match.verified and match.similarity < 0.7, match.reason


def test_a_border_that_many_use_is_no_copy(
    film: Frames, other: Frames, analyzer: VideoAnalyzer
) -> None:
    def in_template(frames: Frames) -> VideoFingerprint:
        ground = clips.whole("brick.png")
        return films.fingerprint(
            [clips.in_a_frame(frame, ground, 0.7) for frame in frames], analyzer.image
        )

    match = films.match(analyzer, in_template(film[:120]), in_template(other[:120]), probe=True)
    assert not match.verified and not match.partial, match.reason


def test_the_answer_is_plain_bounded_json(
    film: Frames, original: VideoFingerprint, analyzer: VideoAnalyzer
) -> None:
    match = films.match(analyzer, films.fingerprint(film, analyzer.image), original)
    told = json.loads(json.dumps(match.as_json(), allow_nan=False))
    assert {
        "similarity",
        "verified",
        "reason",
        "query_coverage",
        "reference_coverage",
        "mirrored",
    } <= set(told)
    assert told["segments"][0]["channel"] == "picture" and len(told["seconds"]) == 24
    shown = {frame.frame_ms for frame in original.frames}
    assert {pair["reference_ms"] for pair in told["pairs"]} <= shown
    again = films.match(analyzer, films.fingerprint(film, analyzer.image), original)
    assert again.as_json() == match.as_json()


def test_keyframes_leave_out_what_is_plain_and_keep_what_stands_once(
    analyzer: VideoAnalyzer,
) -> None:
    still, moving = [clips.whole("coffee.png")] * 50, clips.scene("chelsea.png", 5)
    made = films.fingerprint([clips.black()] * 30 + still + moving, analyzer.image)
    assert made.plain_frames == 3 and made.plain_s == 3.0
    assert [(frame.time_s, frame.span_s) for frame in made.frames][:2] == [(3.0, 5.0), (8.0, 1.0)]
    assert made.content_s == 10.0


def test_bars_are_cut_off_and_a_still_surround_is_looked_into(
    film: Frames, analyzer: VideoAnalyzer
) -> None:
    barred = films.fingerprint(clips.each(film[:100], clips.letterboxed), analyzer.image)
    assert any("bars" in note for note in barred.notes)
    framed = films.fingerprint(clips.each(film[:100], EDITS["put into a frame"]), analyzer.image)
    assert "moving_part" in {view.name for view in framed.frames[0].views}
    plain = films.fingerprint(film[:100], analyzer.image)
    names = {view.name for view in plain.frames[0].views}
    assert {"whole", "mirrored", "rotated_90", "negative"} <= names
    assert "moving_part" not in names and plain.notes == () and plain.window == ()


def test_a_registered_picture_that_fills_the_video_is_found(analyzer: VideoAnalyzer) -> None:
    picture = films.fingerprint([clips.whole("retina.jpg")], analyzer.image)
    registered = replace(picture, duration_s=0.0, frames=(replace(picture.frames[0], span_s=0.0),))
    shown = (
        clips.scene("coffee.png", 4)
        + [clips.whole("retina.jpg")] * 40
        + clips.scene("china.jpg", 4)
    )
    match = films.match(analyzer, films.fingerprint(shown, analyzer.image), registered)
    assert match.verified and "shows the earlier picture" in match.reason
    assert times(only_segment(match))[:2] == pytest.approx((4, 8), abs=1.0)
    passing = (
        clips.scene("coffee.png", 20)
        + [clips.whole("retina.jpg")] * 10
        + clips.scene("china.jpg", 20)
    )
    match = films.match(analyzer, films.fingerprint(passing, analyzer.image), registered)
    assert match.partial and not match.verified and np.isfinite(match.similarity)
