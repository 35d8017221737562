"""Errors of the service itself; each has a stable code that clients may rely on."""

import math
import time


class OracleError(Exception):
    """The oracle could not do this."""

    code = "oracle_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class UnknownMediaType(OracleError):
    """That is not a media type."""

    code = "unknown_media_type"


class MediaTypeMismatch(OracleError):
    """The file holds another kind of media than announced."""

    code = "media_type_mismatch"


class MediaTypeNotSupported(OracleError):
    """This oracle does not decide on that kind of media yet."""

    code = "media_type_not_supported"


class InvalidCreator(OracleError):
    """The creator is neither a valid address nor a valid name."""

    code = "invalid_creator"


class UnexpectedField(OracleError):
    """A field is not known here, or came more than once; nothing was kept."""

    code = "unexpected_field"


class ExternalIdTaken(OracleError):
    """Another work was posted under this external_id; nothing was kept."""

    code = "external_id_taken"


class NameResembles(OracleError):
    """People would take the name for that of another creator."""

    code = "name_resembles"


class ContentHashMismatch(OracleError):
    """The media behind the URI is not the media that the request committed to."""

    code = "content_hash_mismatch"


class MediaUnreachable(OracleError):
    """The request names no URI to fetch the media from."""

    code = "media_unreachable"


class PostIdTaken(OracleError):
    """Another creator's work was registered under this post id before; a post id belongs to one
    creator.
    """

    code = "post_id_taken"


class Busy(OracleError):
    """All hands are busy with other work; try again in a moment."""

    code = "busy"


class ComeAgain(OracleError):
    """There is no room for that now."""

    code = "come_again"

    def __init__(self, message: str | None = None, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFull(ComeAgain):
    """Too many works wait for a decision."""

    code = "queue_full"


class FetchesFull(ComeAgain):
    """Too many addresses are being fetched; nothing was kept."""

    code = "fetches_full"


class QuotaExceeded(ComeAgain):
    """The key has used what it may use today."""

    code = "quota_exceeded"


class NoSpace(OracleError):
    """There is no space on this server for the file; nothing was kept. Try again later."""

    code = "no_space"


class UploadTooLarge(OracleError):
    """The file is larger than this oracle accepts."""

    code = "upload_too_large"


class RequestTooLarge(OracleError):
    """The body is larger than this route takes."""

    code = "request_too_large"


class RequestTooSlow(OracleError):
    """The body came too slowly, or stopped; nothing was kept. Send it again."""

    code = "request_too_slow"


class InvalidText(OracleError):
    """That is no text."""

    code = "invalid_text"


class NotAllowed(OracleError):
    """The key does not allow this."""

    code = "not_allowed"


class KeyRequired(OracleError):
    """This needs an API key: send it as `Authorization: Bearer KEY`; `oracle keys add` makes
    one.
    """

    code = "key_required"


class TooManyRequests(OracleError):
    """Too many requests in a minute."""

    code = "too_many_requests"

    def __init__(self, message: str | None = None, *, reset_at: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(reset_at - time.time()))


class ConfigurationError(OracleError):
    """The settings do not fit together; nothing was started."""

    code = "configuration_error"


class ForeignBlobStore(OracleError):
    """The blob store belongs to another database; nothing was changed."""

    code = "foreign_blob_store"


class InvalidPart(OracleError):
    """The work has no such part; nothing was changed."""

    code = "invalid_part"


class Conflict(OracleError):
    """Something stands in the way as matters are now."""

    code = "conflict"
