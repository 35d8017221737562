"""Remove blobs that nothing refers to, left by a crash between the bytes and their row.

Only in a store that belongs to this very database, and never many at once. A wrong DATABASE_URL, an
older dump or a copy for tests does not know the media it finds, and removed bytes cannot be
restored.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import structlog

from oracle.tasks import blob_owner
from storage.blobs import BlobStore, content_hash
from storage.database import Database
from storage.works import media_in_use, works

log = structlog.get_logger()

# Longer than any upload takes, so that bytes whose row is not written yet are left alone.
GRACE = timedelta(days=1)
LISTED_AT_ONCE = 2_000
REMOVED_AT_ONCE = 20  # each blocks registrations while the store removes it
REMOVE_WITHIN_S = 5.0
# Crashes leave little: more of it means that this database does not know these media.
MAX_ORPHANS, MAX_SHARE = 20, 0.05
MAX_REMEMBERED = 100_000


class Sweep:
    """A pass over everything stored, in slices. Orphans are counted first, then all or none go."""

    def __init__(
        self, db: Database, blobs: BlobStore, now: datetime, *, grace: timedelta = GRACE
    ) -> None:
        self.began_at = now
        self.removed = 0
        self._db = db
        self._blobs = blobs
        self._old = (key for key, stored_at in blobs.list_content() if now - stored_at > grace)
        self._seen = 0
        self._orphans: list[str] = []
        self._to_remove: Iterator[str] | None = None

    def step(self) -> bool:
        """Do one slice. Returns: whether it was the last.

        Raises: DatabaseUnavailable, BlobStoreUnavailable.
        """
        if self._to_remove is not None:
            return self._remove_some(self._to_remove)
        if self._seen == 0 and self._is_foreign():
            return True
        keys = list(islice(self._old, LISTED_AT_ONCE))
        if keys:
            with self._db.transaction() as conn:
                needed = media_in_use.needed_keys(conn, [content_hash(key) for key in keys])
            self._seen += len(keys)
            self._orphans += [key for key in keys if key not in needed]
            return self._too_many(self._seen) if len(self._orphans) > MAX_REMEMBERED else False
        if self._is_foreign() or not self._may_remove():
            return True
        self._to_remove = iter(self._orphans)
        return False

    def _is_foreign(self) -> bool:
        this_database, owner = blob_owner.identify(self._db), blob_owner.find_owner(self._blobs)
        if owner in (None, this_database):
            return False
        log.error(
            "blobs.not_swept",
            why="The blob store belongs to another database, or to this one before it was moved or"
            f" restored. Nothing is removed; {blob_owner.ADVICE}.",
            owner=str(owner),
            database=str(this_database),
        )
        return True

    def _may_remove(self) -> bool:
        """Tell whether the orphans are few enough to be left by crashes.

        A store without an owner is claimed then, and swept next time.
        """
        if self._too_many(self._seen):
            return False
        if blob_owner.find_owner(self._blobs) is not None:
            return True
        this_database = blob_owner.identify(self._db)
        if self._seen and 2 * len(self._orphans) >= self._seen:
            log.error(
                "blobs.not_swept",
                why="The blob store has no owner, and this database needs too few of its blobs to"
                " be it. Put this database's name under its key"
                f" `{blob_owner.OWNER_KEY}` if it is.",
                database=str(this_database),
                blobs=self._seen,
                unknown=len(self._orphans),
            )
        else:
            blob_owner.set_owner(self._blobs, this_database)
        return False

    def _too_many(self, seen: int) -> bool:
        count = len(self._orphans)
        if count <= max(MAX_ORPHANS, MAX_SHARE * seen):
            return False
        log.error(
            "blobs.not_swept",
            why="So many blobs that the database does not know are no crash's work: is it the"
            " database of this store, and whole? Nothing is removed.",
            blobs=seen,
            unknown=count,
            examples=self._orphans[:5],
        )
        return True

    def _remove_some(self, left: Iterator[str]) -> bool:
        keys = list(islice(left, REMOVED_AT_ONCE))
        for key in keys:
            self.removed += self._remove(key)
        if not keys and self.removed:
            log.info("blobs.orphans_removed", count=self.removed)
        return not keys

    def _remove(self, key: str) -> bool:
        """Remove a blob unless it is needed again.

        Code that refers to bytes checks under the sequence lock that they exist, and puts them
        again if not. This holds the same lock, so neither loses what the other needs.
        """
        with self._db.transaction() as conn:
            works.lock_sequence(conn)
            if media_in_use.needed_keys(conn, [content_hash(key)]):
                return False
            self._blobs.delete(key, within_s=REMOVE_WITHIN_S)
        return True


def sweep(db: Database, blobs: BlobStore, now: datetime, *, grace: timedelta = GRACE) -> int:
    """Do a whole sweep at once.

    Returns: how many were removed. Raises: DatabaseUnavailable, BlobStoreUnavailable.
    """
    sweep_run = Sweep(db, blobs, now, grace=grace)
    while not sweep_run.step():
        pass
    return sweep_run.removed
