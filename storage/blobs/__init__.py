"""Blobs of media: write-once, under keys that name their content."""

from storage.blobs.errors import (
    BlobConflict,
    BlobCorrupt,
    BlobError,
    BlobMissing,
    BlobStoreRefused,
    BlobStoreUnavailable,
    InvalidBlobKey,
    InvalidBlobUrl,
    NoCredentials,
)
from storage.blobs.gcs import GcsBlobs
from storage.blobs.keys import blob_key, content_hash
from storage.blobs.local import LocalBlobs
from storage.blobs.store import BlobStore, open_blobs

__all__ = [
    "BlobConflict",
    "BlobCorrupt",
    "BlobError",
    "BlobMissing",
    "BlobStore",
    "BlobStoreRefused",
    "BlobStoreUnavailable",
    "GcsBlobs",
    "InvalidBlobKey",
    "InvalidBlobUrl",
    "LocalBlobs",
    "NoCredentials",
    "blob_key",
    "content_hash",
    "open_blobs",
]
