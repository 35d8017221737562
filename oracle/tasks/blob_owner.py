"""A blob store is one database's alone: the first that uses it leaves its name there, under the
key `owner`.
"""

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
    """Make a store that is still empty this database's; for every process that stores something, at
    its start.

    One with media and no owner stays without: whether they are this database's is found out by the
    sweep.
    Raises: ForeignBlobStore, DatabaseUnavailable, BlobStoreUnavailable.
    """
    mine = identify(db)
    owner = find_owner(blobs)
    if owner is None and next(iter(blobs.list_content()), None) is None:
        owner = take(blobs, mine)
    if owner is not None and owner.name != mine.name:
        raise ForeignBlobStore(
            f"The blob store belongs to the database {owner.name}, this one is {mine.name}: two"
            " would remove each other's media. Use that database, or another BLOBS_URL; or"
            f" {ADVICE}."
        )


def take(blobs: BlobStore, mine: Owner) -> Owner:
    """Write the owner of a store that has none.

    Returns: whose it is now. Raises: BlobStoreUnavailable.
    """
    try:
        blobs.put(io.BytesIO(str(mine).encode()), OWNER_KEY)
    except BlobConflict:  # another was quicker
        return find_owner(blobs) or mine
    log.info("blobs.owner_set", owner=str(mine))
    return mine


def find_owner(blobs: BlobStore) -> Owner | None:
    """Whose a store is, None where nobody has said so yet. Raises: BlobStoreUnavailable."""
    try:
        with blobs.open(OWNER_KEY) as content:
            return Owner.parse(content.read().decode())
    except BlobMissing:
        return None


def identify(db: Database) -> Owner:
    """Who this database is. Raises: DatabaseUnavailable."""
    with db.transaction() as conn:
        return store_owner.identify(conn)
