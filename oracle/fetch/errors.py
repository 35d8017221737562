"""Why media could not be fetched. `retryable` says whether trying again later can help."""


class FetchError(Exception):
    """The media could not be fetched."""

    code = "fetch_failed"
    retryable = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class UriInvalid(FetchError):
    """This is not a URI that media can be fetched from."""

    code = "uri_invalid"


class UriSchemeUnsupported(FetchError):
    """Media can be fetched from https, http, gs and walrus URIs only."""

    code = "uri_scheme_unsupported"


class UriForbiddenAddress(FetchError):
    """The URI leads into a private network, which the oracle does not enter."""

    code = "uri_forbidden_address"


class UriUnreachable(FetchError):
    """The server of the URI cannot be reached or failed."""

    code = "uri_unreachable"
    retryable = True


class UriTimeout(FetchError):
    """The server of the URI took too long."""

    code = "uri_timeout"
    retryable = True


class UriNotFound(FetchError):
    """There is nothing at this URI."""

    code = "uri_not_found"


class UriRefused(FetchError):
    """The server of the URI refuses to hand the media out."""

    code = "uri_refused"


class UriTooLarge(FetchError):
    """The media at this URI is larger than this oracle accepts."""

    code = "uri_too_large"
