"""Picture and sound of two videos joined: who decides, whether they agree, and what is said."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from embeddings.video.compare import Pictures
from embeddings.video.fingerprint import KeyFrame, ReferenceVideo, VideoFingerprint
from embeddings.video.judge import judge_match
from embeddings.video.match import MAX_SECONDS, SecondScore, VideoMatch, VideoSegment
from embeddings.video.score import VideoPolicy
from embeddings.video.verify import VerifiedPair


@dataclass(frozen=True)
class Heard:
    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float = 1.0
    score: float = 1.0


@dataclass(frozen=True)
class Sound:
    similarity: float
    segments: tuple[Heard, ...]
    verified: bool = True
    query_coverage: float = 1.0
    reference_coverage: float = 0.5
    reason: str = "The sound is the same recording."
    told: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return self.told


SEEN = VideoSegment(
    query_start_s=0.0,
    query_end_s=30.0,
    reference_start_s=30.0,
    reference_end_s=60.0,
    speed=1.0,
    mirrored=False,
    reversed=False,
    score=0.9,
    verified=True,
    motion="cuts",
)
SAME_SOUND = Sound(0.98, (Heard(0, 30, 30.4, 60.4),))


def judged(*segments: VideoSegment) -> Pictures:
    return Pictures(
        tuple(
            VerifiedPair(
                segment=segment, pairs=(), fidelity=1.0, motion=0.0, compared=0, aligned=()
            )
            for segment in segments
        ),
        (),
    )


def joined(pictures: Pictures, sound: Sound | None = None, seconds: int = 30) -> VideoMatch:
    frames = tuple(
        KeyFrame(
            time_s=float(t),
            span_s=1.0,
            phash=b"",
            phash_quality=0,
            embeddings={},
            proxy=b"",
            views=(),
        )
        for t in range(seconds)
    )
    query = VideoFingerprint(
        duration_s=float(seconds),
        interval_s=1.0,
        width=16,
        height=9,
        frames=frames,
        plain_s=0.0,
        plain_frames=0,
        sound=None,
        insufficient_detail=None,
        notes=(),
    )
    times = np.arange(60.0)
    reference = ReferenceVideo(
        duration_s=60.0,
        interval_s=1.0,
        times_s=times,
        spans_s=np.ones(60),
        phashes=np.zeros((60, 32), np.uint8),
        embeddings={},
    )
    return judge_match(query, reference, pictures, sound, VideoPolicy(), "test")


def test_pictures_that_make_a_copy_decide_and_sound_says_whether_it_agrees() -> None:
    alone = joined(judged(SEEN))
    assert alone.verified and alone.agreement == "picture_only" and not alone.sound_only
    assert alone.similarity == pytest.approx(0.95 + 0.05 * 0.5)
    both = joined(judged(SEEN), SAME_SOUND)
    assert both.agreement == "agree" and both.similarity == alone.similarity and not both.sound_only
    assert (
        both.reason == "0:00–0:30 of this video is 0:30–1:00 of the earlier one; the sound agrees."
    )


def test_a_short_clip_of_a_long_film_owes_no_more_for_its_own_sound() -> None:
    """A clip whose pictures are the film's: with the film's sound it is no larger a part of the
    film.
    """
    clip = replace(SEEN, reference_start_s=30.0, reference_end_s=33.0, query_end_s=3.0)
    mute, loud = (
        joined(judged(clip), sound, 3) for sound in (None, Sound(0.995, (Heard(0, 3, 30, 33),)))
    )
    assert loud.agreement == "agree" and loud.verified and not loud.sound_only
    assert loud.similarity == mute.similarity == pytest.approx(0.95 + 0.05 * 3 / 60)


def test_sound_from_another_place_disagrees_and_changes_nothing() -> None:
    match = joined(judged(SEEN), Sound(0.99, (Heard(0, 30, 0, 30),)))
    assert match.agreement == "disagree" and match.similarity == pytest.approx(0.975)
    assert "another place" in match.reason


def test_backwards_pictures_agree_with_sound_only_where_both_name_one_moment() -> None:
    backwards = replace(SEEN, reversed=True)
    assert joined(judged(backwards), SAME_SOUND).agreement == "agree", "in the middle they meet"
    assert joined(judged(backwards), Sound(0.99, (Heard(0, 10, 30, 40),))).agreement == "disagree"


def test_sound_alone_is_a_copy_that_says_so() -> None:
    match = joined(judged(), SAME_SOUND)
    assert (
        match.verified
        and match.sound_only
        and match.agreement == "sound_only"
        and match.similarity == 0.98
    )
    assert (match.query_coverage, match.reference_coverage, match.matched_s) == (1.0, 0.5, 30.0)
    assert match.as_json()["segments"][0]["channel"] == "sound"


def test_sound_lifts_a_partial_picture_but_the_match_rests_on_sound() -> None:
    quote = replace(SEEN, query_end_s=5.0, reference_end_s=35.0)
    partial = joined(judged(quote))
    assert partial.partial and not partial.verified
    match = joined(judged(quote), SAME_SOUND)
    assert match.verified and match.sound_only and match.agreement == "agree"


def test_unproven_sound_counts_for_nothing() -> None:
    match = joined(judged(), Sound(0.3, (Heard(0, 30, 30, 60),), verified=False))
    assert not match.verified and match.agreement == "nothing" and match.as_json()["segments"] == []


def test_a_still_picture_is_a_copy_only_where_the_sound_agrees() -> None:
    still = replace(SEEN, motion="still")
    assert joined(judged(still)).similarity == 0.9
    assert joined(judged(still), SAME_SOUND).verified
    elsewhere = joined(judged(still), Sound(0.6, (Heard(0, 5, 0, 5),)))
    assert not elsewhere.verified and elsewhere.partial


def test_only_the_ground_is_said_to_be_the_same() -> None:
    match = joined(judged(replace(SEEN, verified=False, motion="disagrees")))
    assert match.similarity < 0.7 and not match.partial and "unmoving ground" in match.reason


def test_overlapping_stretches_are_counted_once() -> None:
    match = joined(judged(SEEN, replace(SEEN, query_start_s=10.0, reference_start_s=40.0)))
    assert (
        match.query_coverage == 1.0 and match.reference_coverage == 0.5 and match.matched_s == 30.0
    )


def test_the_curve_of_likeness_is_bounded() -> None:
    pictures = replace(
        judged(SEEN), seconds=tuple(SecondScore(at / 10, at / 10, 1.0) for at in range(5000))
    )
    told = joined(pictures).as_json()["seconds"]
    assert len(told) <= MAX_SECONDS and told[0]["query_s"] == 0.0 and told[-1]["query_s"] > 480
