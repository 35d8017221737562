"""A blob store belongs to one database, whose name stands in it under the key `owner`."""

import io

import structlog

from oracle.errors import ForeignBlobStore
from storage.blobs import BlobConflict, BlobMissing, BlobStore
from storage.database import Database
from storage.works import store_owner
from storage.works.store_owner import Owner

log = structlog.get_logger()

OWNER_KEY = "owner"
ADVICE = (
    f"remove the key `{OWNER_KEY}` from the store if that is meant to be this one's from now on"
)


def claim(db: Database, blobs: BlobStore) -> None:
    """Claim an empty store for this database; every process that stores calls it first.

    A store with media but no owner stays unclaimed: the sweep finds out whether the media is this
    database's.
    Raises: ForeignBlobStore, DatabaseUnavailable, BlobStoreUnavailable.
    """
    this_database = identify(db)
    owner = find_owner(blobs)
    if owner is None and next(iter(blobs.list_content()), None) is None:
        owner = set_owner(blobs, this_database)
    if owner is not None and owner.name != this_database.name:
        raise ForeignBlobStore(
            f"The blob store belongs to the database {owner.name}, this one is"
            f" {this_database.name}: two would remove each other's media. Use that database, or"
            f" another BLOBS_URL; or {ADVICE}."
        )


def set_owner(blobs: BlobStore, this_database: Owner) -> Owner:
    """Write the owner of a store that has none.

    Returns: the owner it has now. Raises: BlobStoreUnavailable.
    """
    try:
        blobs.put(io.BytesIO(str(this_database).encode()), OWNER_KEY)
    except BlobConflict:  # another process was faster
        return find_owner(blobs) or this_database
    log.info("blobs.owner_set", owner=str(this_database))
    return this_database


def find_owner(blobs: BlobStore) -> Owner | None:
    """Return the owner of a store, None where it has none yet. Raises: BlobStoreUnavailable."""
    try:
        with blobs.open(OWNER_KEY) as content:
            return Owner.parse(content.read().decode())
    except BlobMissing:
        return None


def identify(db: Database) -> Owner:
    """Return the name of this database. Raises: DatabaseUnavailable."""
    with db.transaction() as conn:
        return store_owner.identify(conn)
