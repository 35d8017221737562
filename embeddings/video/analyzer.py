"""The service's interface to videos: fingerprint an upload, align and verify it against a work."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from embeddings.channels import ChannelState, digest_of
from embeddings.errors import EmbeddingError
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.align import Proposal, align
from embeddings.video.compare import Proxies, compare
from embeddings.video.decode import DecodedVideo, read_video
from embeddings.video.fingerprint import ReferenceVideo, VideoFingerprint
from embeddings.video.judge import judge_match
from embeddings.video.keyframes import make_keyframes
from embeddings.video.limits import VideoLimits
from embeddings.video.match import VideoMatch
from embeddings.video.score import VideoPolicy
from embeddings.video.sound import SoundAnalyzer, SoundFingerprint, SoundMatch
from embeddings.video.verify import VerifyPair

Progress = Callable[[str, float, float], None]
KEYFRAMES_VERSION = "keyframes-v2"
ALIGNMENT_VERSION = "lines-v3"


def no_progress(_stage: str, _done: float, _total: float) -> None:
    """Ignore the progress."""


class VideoAnalyzer:
    """Pictures by an ImageAnalyzer, sound by an audio analyzer; safe to share between threads."""

    def __init__(
        self,
        image: ImageAnalyzer,
        audio: SoundAnalyzer | None = None,
        *,
        limits: VideoLimits | None = None,
        policy: VideoPolicy | None = None,
    ) -> None:
        self.image = image
        self.audio = audio
        self.limits = limits or VideoLimits()
        self.policy = policy or VideoPolicy()
        channels = dict(image.channels)
        if audio is not None:
            channels |= {
                name: ChannelState(state.on, state.reason, state.model_id, 0)
                for name, state in audio.channels.items()
            }
        else:
            channels["sound"] = ChannelState(False, "Sound tracks are not analysed here.", "", 0)
        self.channels: Mapping[str, ChannelState] = MappingProxyType(channels)
        versions = {
            "image": image.model_digest.hex(),
            "keyframes": KEYFRAMES_VERSION,
            "alignment": ALIGNMENT_VERSION,
        }
        if audio is not None:
            versions["audio"] = audio.model_digest.hex()
        self.model_digest = digest_of(self.channels, versions)
        self.certainty = (
            "A stretch of video counts as repeated where at least two aligned frames are proven"
            f" and what moves in it moves alike. {image.calibration.statement}"
        )

    def fingerprint(
        self, path: Path, progress: Progress = no_progress, *, search: bool = True
    ) -> VideoFingerprint:
        """Read a file once and fingerprint its pictures and its sound.

        Args:
            progress: called with stage ("decoding", "fingerprinting"), seconds done, total seconds.
            search: whether it will be looked up; if not, data that only a query needs is left out.
        Raises: EmptyMedia, UnsupportedMedia, MediaTooLarge, MediaTooLong, CorruptMedia,
            ModelUnavailable.
        """
        with tempfile.TemporaryDirectory(prefix="oracle-sound-") as folder:
            sound_path = Path(folder) / "sound.mka"
            decoded = read_video(
                path,
                self.limits,
                sound_to=sound_path if self.audio is not None else None,
                progress=lambda done, total: progress("decoding", done, total),
            )
            progress("fingerprinting", 0, decoded.duration_s)
            keyframes = make_keyframes(
                decoded.samples, self.image, (decoded.width, decoded.height), search=search
            )
            # What cannot be copied, or not be read from the copy, may be read from the file itself.
            tries = [sound_path, path] if decoded.has_sound else [path] * decoded.lost_sound
            sound, sound_notes = self._sound(tries, search)
        other_sounds = (
            self.audio.unjudged_tracks(path, sound) if search and self.audio and sound else 0
        )
        return VideoFingerprint(
            duration_s=decoded.duration_s,
            interval_s=decoded.interval_s,
            width=decoded.width,
            height=decoded.height,
            frames=keyframes.frames,
            plain_s=keyframes.plain_s,
            plain_frames=keyframes.plain_frames,
            sound=sound,
            insufficient_detail=_insufficient_detail(decoded, bool(keyframes.frames), sound),
            notes=decoded.notes
            + keyframes.notes
            + _plain_note(keyframes.plain_frames, keyframes.plain_s)
            + sound_notes,
            unjudged="its sound could not be read"
            if tries and sound is None
            else _unjudged(decoded.other_pictures, other_sounds),
            window=keyframes.window,
        )

    def align(self, query: VideoFingerprint, reference: ReferenceVideo) -> tuple[Proposal, ...]:
        """Return the parts that two videos may share, from their descriptors alone; takes
        milliseconds.
        """
        return align(query, reference)

    def judge(
        self,
        query: VideoFingerprint,
        reference: ReferenceVideo,
        proposals: Sequence[Proposal],
        proxies: Proxies,
        sound: SoundMatch | None = None,
        *,
        probe: bool = False,
        verify: VerifyPair | None = None,
    ) -> VideoMatch:
        """Verify the proposals of ``align`` and judge the relation of two videos.

        Args:
            proxies: returns the proxies of the reference's frames by frame_ms; at first those of
                ``needed_frames``, all of them only for a refinement pass.
            sound: the audio analyzer's match of the two sound tracks.
            probe: verify the most similar frames even without any proposal.
            verify: compares two proxies; for a caller that has features of theirs at hand.
        Raises: BadProxy.
        """
        if proposals:
            query = query.as_shown(proposals[0].showing)
        pictures = compare(
            query, reference, proposals, proxies, verify or self.image.verify_proxies, probe=probe
        )
        return judge_match(
            query, reference, pictures, sound, self.policy, self.image.calibration.version
        )

    def _sound(
        self, tries: Sequence[Path], search: bool
    ) -> tuple[SoundFingerprint | None, tuple[str, ...]]:
        """Fingerprint the first of the files whose sound can be read."""
        notes: tuple[str, ...] = ()
        for path in tries:
            assert self.audio is not None
            try:
                sound = self.audio.fingerprint(path, search=search)
            except EmbeddingError as error:  # the pictures can still be judged
                notes = (f"the sound track was left out: {error}",)
            else:
                return sound, tuple(f"sound: {note}" for note in sound.notes)
        return None, notes


def _insufficient_detail(
    decoded: DecodedVideo, has_frames: bool, sound: SoundFingerprint | None
) -> str | None:
    if has_frames or (sound is not None and sound.insufficient_detail is None):
        return None
    sound_text = " and its sound says nothing either" if decoded.has_sound else ""
    return (
        "Every frame of the video is plain: black, one colour, or only text on a plain"
        f" ground{sound_text}."
    )


def _unjudged(other_pictures: int, other_sounds: int) -> str | None:
    if not other_pictures and not other_sounds:
        return None
    tracks = [
        f"{count} more {kind} track{'s' if count > 1 else ''}"
        for count, kind in ((other_pictures, "picture"), (other_sounds, "sound"))
        if count
    ]
    return f"the file holds {' and '.join(tracks)}, which players do not choose by themselves"


def _plain_note(count: int, seconds: float) -> tuple[str, ...]:
    return (f"{count} plain frames ({seconds:.0f} s) were left out",) if count else ()
