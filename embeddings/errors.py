"""What can go wrong between a file and its fingerprint.

Every class carries a stable ``code``; its docstring is the message when the raiser has nothing more
exact to say.
"""

from typing import ClassVar


class EmbeddingError(Exception):
    """The media could not be analysed."""

    code: ClassVar[str] = "media_not_analysable"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class EmptyMedia(EmbeddingError):
    """The file is empty (0 bytes); send the file itself."""

    code = "media_empty"


class UnsupportedMedia(EmbeddingError):
    """The content is not a picture, video or sound in a format that can be read here."""

    code = "media_unsupported"


class CorruptMedia(EmbeddingError):
    """The file is damaged or cut short and cannot be decoded; export it again and resend."""

    code = "media_corrupt"


class MediaTooLarge(EmbeddingError):
    """The picture has more pixels than this oracle decodes; send a smaller version."""

    code = "media_too_large"


class MediaTooLong(EmbeddingError):
    """The video or sound is longer than this oracle analyses; send a shorter part."""

    code = "media_too_long"


class NoSound(EmbeddingError):
    """The file has no sound in it: there is no audio stream; send one that has."""

    code = "media_no_sound"


class BadProxy(EmbeddingError):
    """A stored reference proxy cannot be read; it was written by another version or is damaged:
    re-index it.
    """

    code = "proxy_unreadable"


class ModelUnavailable(EmbeddingError):
    """Model weights are missing or do not have the expected SHA-256."""

    code = "model_unavailable"


class WeightsMismatch(ModelUnavailable):
    """The weights file is not the one that was asked for: its SHA-256 differs."""

    code = "model_weights_mismatch"
