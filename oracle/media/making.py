"""The handlers of all media types, made from plain values, so that a decoder process can make them
without anything else of the oracle.
"""

from dataclasses import dataclass

from embeddings.audio.analyzer import AudioAnalyzer
from embeddings.audio.decode import SoundLimits
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.clip_weights import ClipWeights
from embeddings.image.decode import DecodeLimits
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.limits import VideoLimits
from embeddings.video.score import VideoPolicy
from oracle.media.audio import AudioHandler
from oracle.media.handler import MediaHandlers
from oracle.media.image import ImageHandler
from oracle.media.video import VideoHandler


@dataclass(frozen=True)
class HandlerOptions:
    """What handlers are made from; `clip_stamp` changes when other weights are pulled."""

    clip: ClipWeights
    clip_stamp: float | None
    pixels: DecodeLimits
    sound: SoundLimits
    video: VideoLimits
    policy: VideoPolicy
    max_candidates: int


def make_handlers(options: HandlerOptions) -> MediaHandlers:
    """Every kind of media that is decided on, with every channel whose weights are at hand."""
    pictures = ImageAnalyzer.load(clip=options.clip)
    sounds = AudioAnalyzer.load(limits=options.sound)
    videos = VideoAnalyzer(pictures, sounds, limits=options.video, policy=options.policy)
    return {
        "image": ImageHandler(pictures, options.pixels, options.max_candidates),
        "video": VideoHandler(videos, options.max_candidates),
        "audio": AudioHandler(sounds, options.max_candidates),
    }
