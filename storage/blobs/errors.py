"""Errors of the blob stores."""

from storage.errors import StorageError


class BlobError(StorageError):
    """A blob could not be stored or read."""

    code = "blob_error"


class BlobMissing(BlobError):
    """There is no blob under this key."""

    code = "blob_missing"


class BlobConflict(BlobError):
    """Other bytes are stored under this key; blobs are written once, so nothing was changed."""

    code = "blob_conflict"


class BlobCorrupt(BlobError):
    """The stored bytes are not those that their key names. Restore the blob from a backup."""

    code = "blob_corrupt"


class BlobStoreUnavailable(BlobError):
    """The blob store cannot be used right now; nothing was stored elsewhere instead. Try again."""

    code = "blob_store_unavailable"


class BlobStoreRefused(BlobStoreUnavailable):
    """The blob store refuses access with these credentials."""

    code = "blob_store_refused"


class NoCredentials(BlobStoreUnavailable):
    """There are no Google credentials on this machine. Run `gcloud auth application-default login`,
    or set GOOGLE_APPLICATION_CREDENTIALS.
    """

    code = "blob_store_no_credentials"


class InvalidBlobKey(BlobError):
    """This is not a key of a blob."""

    code = "invalid_blob_key"


class InvalidBlobUrl(BlobError):
    """This is not the URL of a blob store: file:///absolute/folder or gs://bucket/prefix."""

    code = "invalid_blob_url"
