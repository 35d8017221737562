"""Combine the results of pictures and sound of two videos into one match, with a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embeddings.video.compare import Pictures
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import Agreement, VideoMatch, VideoSegment
from embeddings.video.score import COPY, STILL_TO, Extent, Score, VideoPolicy, score
from embeddings.video.sound import SoundMatch, SoundSegment
from embeddings.video.verify import VerifiedPair

# largest difference of picture and sound: one frame a second, and sound early or late
SAME_MOMENT_S = 2.0


@dataclass(frozen=True)
class _Scored:
    """The result of the pictures alone."""

    score: Score
    extent: Extent
    segments: tuple[VideoSegment, ...]


def judge_match(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    compared: Pictures,
    sound: SoundMatch | None,
    policy: VideoPolicy,
    calibration: str,
) -> VideoMatch:
    """Judge the relation of two videos.

    Pictures that make a copy decide, and what is owed is by their extent; agreeing sound is
    mentioned and adds nothing. Where they do not, sound may, and then the match says that it rests
    on sound alone. Unproven segments count only where nothing is proven. One still picture is no
    copy of a video.
    """
    verified_pairs = compared.verified_pairs
    pictures = _pictures(query, reference, verified_pairs, policy)
    audio_segments = tuple(sound.segments) if sound is not None and sound.verified else ()
    proven = [segment for segment in pictures.segments if segment.verified]
    agreement = _agreement(proven, audio_segments)
    by_sound = sound.similarity if sound is not None else 0.0
    similarity, sound_only = pictures.score.similarity, False
    if pictures.score.copy and _rests_on_stills(proven, reference) and agreement != "agree":
        similarity = min(similarity, STILL_TO)
        if by_sound >= COPY:
            similarity, sound_only = by_sound, True
    elif not pictures.score.copy and (by_sound >= COPY or by_sound > similarity):
        similarity, sound_only = by_sound, True
    verified = similarity >= COPY
    deciding_sound = sound if sound_only else None
    extent = pictures.extent
    return VideoMatch(
        similarity=similarity,
        verified=verified,
        partial=not verified and bool(proven or audio_segments),
        sound_only=sound_only,
        agreement=agreement,
        mirrored=bool(proven) and 2 * sum(s.mirrored for s in proven) > len(proven),
        query_coverage=round(
            deciding_sound.query_coverage if deciding_sound else extent.query_share, 4
        ),
        reference_coverage=round(
            deciding_sound.reference_coverage if deciding_sound else extent.reference_share, 4
        ),
        matched_s=round(
            covered((s.query_start_s, s.query_end_s) for s in audio_segments)
            if deciding_sound
            else extent.query_s,
            3,
        ),
        segments=pictures.segments,
        pairs=tuple(pair for v in verified_pairs for pair in v.pairs),
        seconds=compared.seconds,
        scores={
            "picture": pictures.score.similarity,
            "sound": by_sound,
            "fidelity": _fidelity(verified_pairs),
            "motion": max((v.motion for v in verified_pairs), default=0.0),
            "pairs_proven": float(sum(pair.verified for v in verified_pairs for pair in v.pairs)),
            "pairs_tried": float(sum(len(v.pairs) for v in verified_pairs)),
        },
        reason=_sentence(proven, audio_segments, agreement, pictures, verified, sound_only, sound),
        calibration=calibration,
        sound=sound,
    )


def _pictures(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    verified_pairs: Sequence[VerifiedPair],
    policy: VideoPolicy,
) -> _Scored:
    proven = [v.segment for v in verified_pairs if v.segment.verified]
    used = proven or [v.segment for v in verified_pairs][:1]
    extent = Extent(
        covered((s.query_start_s, s.query_end_s) for s in used),
        query.content_s,
        covered((s.reference_start_s, s.reference_end_s) for s in used),
        reference.content_s,
    )
    likeness = max((s.score for s in used), default=0.0)
    scored = score(
        extent,
        verified=bool(proven),
        likeness=likeness,
        fidelity=_fidelity(verified_pairs),
        policy=policy,
    )
    return _Scored(scored, extent, tuple(v.segment for v in verified_pairs))


def _rests_on_stills(proven: Sequence[VideoSegment], reference: ReferenceVideo) -> bool:
    """Return whether all that was proven is one unmoving picture.

    Many songs share a cover, and many talks a title card, so for two videos this is no copy unless
    the sound agrees.
    """
    return not reference.is_picture and all(segment.motion == "still" for segment in proven)


def _fidelity(verified_pairs: Sequence[VerifiedPair]) -> float:
    """Return 0..1: the mean fidelity of the proven segments, weighted by length."""
    proven = [v for v in verified_pairs if v.segment.verified]
    lengths = [max(v.segment.query_end_s - v.segment.query_start_s, 1e-3) for v in proven]
    return (
        sum(v.fidelity * s for v, s in zip(proven, lengths, strict=True)) / sum(lengths)
        if proven
        else 0.0
    )


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the seconds in the union of spans."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _agreement(proven: Sequence[VideoSegment], audio_segments: Sequence[SoundSegment]) -> Agreement:
    """Return whether picture and sound map moments of the query to the same of the reference."""
    if not proven and not audio_segments:
        return "nothing"
    if not proven or not audio_segments:
        return "picture_only" if proven else "sound_only"
    for picture in proven:
        for sound in audio_segments:
            start = max(picture.query_start_s, sound.query_start_s)
            end = min(picture.query_end_s, sound.query_end_s)
            if end <= start:
                continue
            middle = (start + end) / 2
            if abs(_shown_at(picture, middle) - _audio_at(sound, middle)) <= SAME_MOMENT_S:
                return "agree"
    return "disagree"


def _shown_at(segment: VideoSegment, query_s: float) -> float:
    into = (query_s - segment.query_start_s) * segment.speed
    return segment.reference_end_s - into if segment.reversed else segment.reference_start_s + into


def _audio_at(segment: SoundSegment, query_s: float) -> float:
    length = max(segment.query_end_s - segment.query_start_s, 1e-6)
    share = (query_s - segment.query_start_s) / length
    if segment.speed < 0.0:  # backwards
        share = 1.0 - share
    return segment.reference_start_s + share * (segment.reference_end_s - segment.reference_start_s)


def _sentence(
    proven: Sequence[VideoSegment],
    audio_segments: Sequence[SoundSegment],
    agreement: Agreement,
    pictures: _Scored,
    verified: bool,
    sound_only: bool,
    sound: SoundMatch | None,
) -> str:
    about_sound = {
        "agree": "the sound agrees",
        "disagree": "the sound comes from another place of it",
        "picture_only": "the sound is not shared",
    }
    if sound_only and sound is not None:
        about_picture = (
            "Only the sound is shared. "
            if not proven
            else f"{_describe(proven)} The sound is what makes it a copy. "
        )
        return about_picture + sound.reason
    if proven:
        ending = (
            f"; {about_sound[agreement]}."
            if sound is not None and agreement in about_sound
            else "."
        )
        part = "" if verified else "Partial match: "
        if (
            all(segment.motion == "still" for segment in proven)
            and not verified
            and pictures.score.copy
        ):
            ending = f", but it is one still picture, which proves no copy of a video{ending}"
        return part + _describe(proven).rstrip(".") + ending
    if audio_segments and sound is not None:
        return f"Nothing of the picture was proven to be the same. {sound.reason}"
    if any(segment.motion == "disagrees" for segment in pictures.segments):
        return (
            "Only the unmoving ground of the two videos is the same; what moves before it differs."
        )
    if pictures.segments:
        return "Alike in places, but no frames were proven to be the same."
    return "No stretch of the two videos is alike."


def _describe(segments: Sequence[VideoSegment]) -> str:
    first = max(segments, key=lambda s: s.query_end_s - s.query_start_s)
    changes = [
        word
        for word, is_so in (("mirrored", first.mirrored), ("backwards", first.reversed))
        if is_so
    ]
    if abs(first.speed - 1.0) > 0.02:
        changes.append(f"at {first.speed:.2f} times its speed")
    suffix = ", ".join(["", *changes])
    here = f"{_clock(first.query_start_s)}–{_clock(first.query_end_s)}"
    if first.reference_end_s <= 0.0:
        text = f"{here} of this video shows the earlier picture{suffix}."
    else:
        there = f"{_clock(first.reference_start_s)}–{_clock(first.reference_end_s)}"
        text = f"{here} of this video is {there} of the earlier one{suffix}."
    more = len(segments) - 1
    return (
        text
        if not more
        else f"{text.rstrip('.')}, and {more} more stretch{'es' if more > 1 else ''}."
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
