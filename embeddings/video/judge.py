"""Join what the pictures and what the sound say of two videos into one match, with a sentence
for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embeddings.video.compare import Pictures
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.match import Agreement, VideoMatch, VideoSegment
from embeddings.video.score import COPY, STILL_TO, Extent, Score, VideoPolicy, score
from embeddings.video.sound import SoundMatch, SoundSegment
from embeddings.video.verify import VerifiedPair

# picture and sound may disagree by so much: one frame a second, and sound that runs early or late
SAME_MOMENT_S = 2.0


@dataclass(frozen=True)
class _Scored:
    """What the pictures alone say."""

    score: Score
    extent: Extent
    segments: tuple[VideoSegment, ...]


def conclude(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    compared: Pictures,
    sound: SoundMatch | None,
    policy: VideoPolicy,
    calibration: str,
) -> VideoMatch:
    """The relation of two videos.

    Pictures that make a copy decide, and what is owed is by their extent: sound that agrees is told
    and adds nothing. Where they do not, sound may, and then the match says that it rests on sound
    alone. Stretches that were not proven count only where nothing was; one still picture is no copy
    of a video.
    """
    verified_pairs = compared.verified_pairs
    pictures = _pictures(query, reference, verified_pairs, policy)
    audio_segments = tuple(sound.segments) if sound is not None and sound.verified else ()
    seen = [segment for segment in pictures.segments if segment.verified]
    agreement = _agreement(seen, audio_segments)
    by_sound = sound.similarity if sound is not None else 0.0
    similarity, sound_only = pictures.score.similarity, False
    if pictures.score.copy and _rests_on_stills(seen, reference) and agreement != "agree":
        similarity = min(similarity, STILL_TO)
        if by_sound >= COPY:
            similarity, sound_only = by_sound, True
    elif not pictures.score.copy and (by_sound >= COPY or by_sound > similarity):
        similarity, sound_only = by_sound, True
    verified = similarity >= COPY
    by_ear = sound if sound_only else None
    extent = pictures.extent
    return VideoMatch(
        similarity=similarity,
        verified=verified,
        partial=not verified and bool(seen or audio_segments),
        sound_only=sound_only,
        agreement=agreement,
        mirrored=bool(seen) and 2 * sum(s.mirrored for s in seen) > len(seen),
        query_coverage=round(by_ear.query_coverage if by_ear else extent.query_share, 4),
        reference_coverage=round(
            by_ear.reference_coverage if by_ear else extent.reference_share, 4
        ),
        matched_s=round(
            covered((s.query_start_s, s.query_end_s) for s in audio_segments)
            if by_ear
            else extent.query_s,
            3,
        ),
        segments=pictures.segments,
        pairs=tuple(pair for one in verified_pairs for pair in one.pairs),
        seconds=compared.seconds,
        scores={
            "picture": pictures.score.similarity,
            "sound": by_sound,
            "fidelity": _fidelity(verified_pairs),
            "motion": max((one.motion for one in verified_pairs), default=0.0),
            "pairs_proven": float(
                sum(pair.verified for one in verified_pairs for pair in one.pairs)
            ),
            "pairs_tried": float(sum(len(one.pairs) for one in verified_pairs)),
        },
        reason=_sentence(seen, audio_segments, agreement, pictures, verified, sound_only, sound),
        calibration=calibration,
        sound=sound,
    )


def _pictures(
    query: VideoFingerprint,
    reference: ReferenceVideo,
    verified_pairs: Sequence[VerifiedPair],
    policy: VideoPolicy,
) -> _Scored:
    proven = [one.segment for one in verified_pairs if one.segment.verified]
    used = proven or [one.segment for one in verified_pairs][:1]
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
    return _Scored(scored, extent, tuple(one.segment for one in verified_pairs))


def _rests_on_stills(seen: Sequence[VideoSegment], reference: ReferenceVideo) -> bool:
    """Whether all that was proven is one unmoving picture: many songs have the same cover, and many
    talks one title card, so that for two videos this is no copy unless the sound agrees.
    """
    return not reference.is_picture and all(segment.motion == "still" for segment in seen)


def _fidelity(verified_pairs: Sequence[VerifiedPair]) -> float:
    """0..1: mean over the proven stretches, by their length."""
    proven = [one for one in verified_pairs if one.segment.verified]
    lengths = [max(one.segment.query_end_s - one.segment.query_start_s, 1e-3) for one in proven]
    return (
        sum(one.fidelity * s for one, s in zip(proven, lengths, strict=True)) / sum(lengths)
        if proven
        else 0.0
    )


def covered(stretches: Iterable[tuple[float, float]]) -> float:
    """Seconds in the union of stretches."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _agreement(seen: Sequence[VideoSegment], audio_segments: Sequence[SoundSegment]) -> Agreement:
    """Whether picture and sound name the same moments of the reference for the same moments of
    the query.
    """
    if not seen and not audio_segments:
        return "nothing"
    if not seen or not audio_segments:
        return "picture_only" if seen else "sound_only"
    for picture in seen:
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
    return segment.reference_start_s + share * (segment.reference_end_s - segment.reference_start_s)


def _sentence(
    seen: Sequence[VideoSegment],
    audio_segments: Sequence[SoundSegment],
    agreement: Agreement,
    pictures: _Scored,
    verified: bool,
    sound_only: bool,
    sound: SoundMatch | None,
) -> str:
    told = {
        "agree": "the sound agrees",
        "disagree": "the sound comes from another place of it",
        "picture_only": "the sound is not shared",
    }
    if sound_only and sound is not None:
        shown = (
            "Only the sound is shared. "
            if not seen
            else f"{_stretches(seen)} The sound is what makes it a copy. "
        )
        return shown + sound.reason
    if seen:
        ending = f"; {told[agreement]}." if sound is not None and agreement in told else "."
        part = "" if verified else "Partial match: "
        if (
            all(segment.motion == "still" for segment in seen)
            and not verified
            and pictures.score.copy
        ):
            ending = f", but it is one still picture, which proves no copy of a video{ending}"
        return part + _stretches(seen).rstrip(".") + ending
    if audio_segments and sound is not None:
        return f"Nothing of the picture was proven to be the same. {sound.reason}"
    if any(segment.motion == "disagrees" for segment in pictures.segments):
        return (
            "Only the unmoving ground of the two videos is the same; what moves before it differs."
        )
    if pictures.segments:
        return "Alike in places, but no frames were proven to be the same."
    return "No stretch of the two videos is alike."


def _stretches(segments: Sequence[VideoSegment]) -> str:
    first = max(segments, key=lambda s: s.query_end_s - s.query_start_s)
    how = [
        word for word, said in (("mirrored", first.mirrored), ("backwards", first.reversed)) if said
    ]
    if abs(first.speed - 1.0) > 0.02:
        how.append(f"at {first.speed:.2f} times its speed")
    told = ", ".join(["", *how])
    here = f"{_clock(first.query_start_s)}–{_clock(first.query_end_s)}"
    if first.reference_end_s <= 0.0:
        text = f"{here} of this video shows the earlier picture{told}."
    else:
        there = f"{_clock(first.reference_start_s)}–{_clock(first.reference_end_s)}"
        text = f"{here} of this video is {there} of the earlier one{told}."
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
