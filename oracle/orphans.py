"""Blobs that nothing refers to are removed after a while: what a crash left between the bytes and their row."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import structlog

from storage import orphans, works
from storage.blobs import BlobStore, content_hash
from storage.database import Database

log = structlog.get_logger()

# Longer than any upload is on its way, so that what is about to be referred to is left alone.
GRACE = timedelta(days=1)
BATCH = 500


def sweep(db: Database, blobs: BlobStore, now: datetime, *, grace: timedelta = GRACE) -> int:
    """Remove what nothing refers to and was stored longer ago than `grace`. Returns: how many.

    Whoever refers to bytes looks, with the registration locked, whether they are there, and puts them again; so does
    this before each removal, and neither loses what the other needs. Raises: DatabaseUnavailable, BlobStoreUnavailable.
    """
    removed = 0
    old = (key for key, stored_at in blobs.list_content() if now - stored_at > grace)
    for keys in _batches(old):
        with db.transaction() as conn:
            needed = orphans.needed_keys(conn, [content_hash(key) for key in keys])
        for key in keys:
            removed += key not in needed and _remove(db, blobs, key)
    if removed:
        log.info("blobs.orphans_removed", count=removed)
    return removed


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    left = iter(keys)
    while batch := list(islice(left, BATCH)):
        yield batch


def _remove(db: Database, blobs: BlobStore, key: str) -> bool:
    with db.transaction() as conn:
        works.lock_registration(conn)
        if orphans.needed_keys(conn, [content_hash(key)]):
            return False
        blobs.delete(key)
    return True
