"""Creators, works and their registration: who was first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import Bit, HalfVector
from psycopg import sql
from psycopg.rows import class_row

from storage import orphans
from storage.database import Connection
from storage.errors import NotFound

REGISTRATION_LOCK = 0x0_F1257  # one writer at a time: whoever holds a place sees every smaller one
MODEL_LOCK = 0x0_30DE1
# How long a request keeps its place while its media is fetched; the margin covers the transaction that uses it.
PLACE_KEPT = timedelta(seconds=30)
PLACE_MARGIN = timedelta(seconds=3)


@dataclass(frozen=True)
class Creator:
    """Someone who posts. `account` is the 20-byte address that is paid."""

    id: int
    handle: str
    account: bytes
    has_wallet: bool


@dataclass(frozen=True)
class Place:
    """A place in the order of all works, and the moment it was taken."""

    registration: int
    registered_at: datetime


@dataclass(frozen=True)
class NewWork:
    """The facts of a work whose bytes are in the blob store."""

    id: UUID
    creator_id: int | None
    post_id: bytes
    media_type: str
    sha256: bytes
    mime: str
    size_bytes: int
    width: int | None
    height: int | None
    file_name: str | None
    blob_key: str
    duration_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Work(NewWork):
    """A stored work. `registration` is its place in the order of all works; smaller came first."""

    registration: int
    registered_at: datetime
    published_at: datetime
    creator: str | None
    creator_account: bytes | None
    erased_at: datetime | None = None


def ensure_creator(conn: Connection, handle: str, account: bytes, has_wallet: bool) -> Creator:
    """The creator of that handle, made if absent. The account of an existing creator is not changed."""
    conn.execute(
        "insert into creators (handle, account, has_wallet) values (%s, %s, %s) on conflict do nothing",
        (handle, account, has_wallet),
    )
    row = conn.execute("select id, handle, account, has_wallet from creators where handle = %s", (handle,)).fetchone()
    if row is None:
        raise NotFound(f"The account of {handle} is already held by another handle.")
    return Creator(*row)


def find_creator(conn: Connection, handle: str) -> int | None:
    """The number of a creator, None for one who never posted."""
    row = conn.execute("select id from creators where handle = %s", (handle,)).fetchone()
    return int(row[0]) if row else None


def find_creator_of(conn: Connection, account: bytes) -> int | None:
    """The number of the creator who is paid at an account (20 bytes), None for one who never posted."""
    row = conn.execute("select id from creators where account = %s", (account,)).fetchone()
    return int(row[0]) if row else None


def get_account(conn: Connection, creator_id: int | None) -> bytes | None:
    """The account (20 bytes) of a creator, None where nobody was named."""
    row = conn.execute("select account from creators where id = %s", (creator_id,)).fetchone()
    return bytes(row[0]) if row else None


def lock_registration(conn: Connection) -> None:
    """Take turns with everybody who registers, until the transaction ends: a larger place sees every smaller one."""
    conn.execute("select pg_advisory_xact_lock(%s)", (REGISTRATION_LOCK,))


def add_work(
    conn: Connection, work: NewWork, *, place: Place | None = None, published_at: datetime | None = None
) -> None:
    """Store a work with its place in the order of all works: the next one, or one that was kept for it.

    Args:
        published_at: the time of the post's block where a chain says so; the moment of registration otherwise.
    """
    lock_registration(conn)
    conn.execute(
        "insert into works (id, creator_id, post_id, media_type, sha256, mime, size_bytes, width, height, file_name,"
        " blob_key, duration_ms, registration, registered_at, published_at)"
        " select %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, nextval('work_registration')), at,"
        " coalesce(%s, at) from (select coalesce(%s, clock_timestamp()) as at) now",
        (
            work.id, work.creator_id, work.post_id, work.media_type, work.sha256, work.mime, work.size_bytes,
            work.width, work.height, work.file_name, work.blob_key, work.duration_ms,
            place.registration if place else None, published_at, place.registered_at if place else None,
        ),
    )  # fmt: skip


def find_registered(conn: Connection, post_id: bytes, sha256: bytes) -> Work | None:
    """The first work of that post with that content, None where there is none or it was erased."""
    row = conn.execute(
        "select id from works where post_id = %s and sha256 = %s and erased_at is null order by registration limit 1",
        (post_id, sha256),
    ).fetchone()
    return get_work(conn, row[0]) if row else None


def is_registered(conn: Connection, post_id: bytes, sha256: bytes) -> bool:
    """Whether there is a work of that post with that content."""
    row = conn.execute(
        "select exists (select from works where post_id = %s and sha256 = %s)", (post_id, sha256)
    ).fetchone()
    return bool(row and row[0])


def has_content(conn: Connection, sha256: bytes) -> bool:
    """Whether there is a work of that content that was not erased."""
    row = conn.execute(
        "select exists (select from works where sha256 = %s and erased_at is null)", (sha256,)
    ).fetchone()
    return bool(row and row[0])


def post_is_taken(conn: Connection, post_id: bytes, creator_id: int | None, sha256: bytes) -> bool:
    """Whether the post's first work has another creator or other content: a post stays what it was, as on chain.

    Call it with the registration locked, or another work may take the post meanwhile.
    """
    row = conn.execute(
        "select creator_id is distinct from %s or sha256 <> %s from works where post_id = %s"
        " order by registration limit 1",
        (creator_id, sha256, post_id),
    ).fetchone()
    return bool(row and row[0])


def keep_place(conn: Connection, analysis_id: UUID) -> None:
    """Take the next place in the order for a request whose media is still to be fetched."""
    lock_registration(conn)
    conn.execute(
        "update analyses set registration = nextval('work_registration'), registered_at = clock_timestamp()"
        " where id = %s",
        (analysis_id,),
    )


def find_kept_place(conn: Connection, analysis_id: UUID) -> Place | None:
    """The place that was kept for a request's work, None once the wait for its media was over."""
    row = conn.execute(
        "select registration, registered_at from analyses where id = %s and registered_at > clock_timestamp() - %s",
        (analysis_id, PLACE_KEPT - PLACE_MARGIN),
    ).fetchone()
    return Place(*row) if row else None


def earlier_works_pending(conn: Connection, registration: int, *, history: bool) -> set[str]:
    """The media types of works with a smaller place that cannot be found yet, though their analysis goes on.

    A request whose media is slow to come is waited for as long as its place is kept, and no longer: nobody
    can hold up the others by a slow server.

    Args: history: whether historical content that is being registered counts; live posts do not wait for it.
    """
    rows = conn.execute(
        "select distinct w.media_type from works w join analyses a on a.work_id = w.id where w.visible_at is null"
        " and w.registration < %(before)s and a.status in ('queued', 'running')"
        " and (%(history)s or a.source <> 'index')"
        " union select media_type from analyses where registration < %(before)s and work_id is null"
        " and status in ('queued', 'running') and registered_at > clock_timestamp() - %(kept)s",
        {"before": registration, "history": history, "kept": PLACE_KEPT},
    ).fetchall()
    return {row[0] for row in rows}


def is_visible(conn: Connection, work_id: UUID) -> bool:
    """Whether later works can find this one."""
    row = conn.execute("select visible_at is not null from works where id = %s", (work_id,)).fetchone()
    return bool(row and row[0])


def get_works(conn: Connection, ids: list[UUID]) -> dict[UUID, Work]:
    """The works of those ids; an id that does not exist is left out."""
    with conn.cursor(row_factory=class_row(Work)) as cursor:
        cursor.execute(
            "select w.id, creator_id, post_id, media_type, sha256, mime, size_bytes, width, height, file_name,"
            " blob_key, duration_ms, registration, registered_at, published_at, c.handle as creator,"
            " c.account as creator_account, erased_at from works w left join creators c on c.id = w.creator_id"
            " where w.id = any(%s)",
            (ids,),
        )
        return {work.id: work for work in cursor}


def get_work(conn: Connection, work_id: UUID) -> Work:
    """Raises: NotFound."""
    works = get_works(conn, [work_id])
    if work_id not in works:
        raise NotFound(f"There is no work {work_id}.")
    return works[work_id]


def make_visible(
    conn: Connection,
    work: Work,
    *,
    phash: bytes,
    phash_quality: int,
    proxy: bytes,
    embeddings: Mapping[str, NDArray[np.float32]],
) -> None:
    """Make a picture's fingerprint visible to searches; once, however often it is called.

    Args:
        phash: 32 bytes, the 256-bit perceptual hash.
        embeddings: model id -> (512,) float32 unit vector.
    """
    models = {name: model_partition(conn, name) for name in sorted(embeddings)}
    cursor = conn.execute(
        "update works set visible_at = clock_timestamp() where id = %s and visible_at is null and erased_at is null",
        (work.id,),
    )
    if cursor.rowcount == 0:
        return
    conn.execute(
        "insert into image_fingerprints (work_id, registration, creator_id, phash, phash_quality, proxy)"
        " values (%s, %s, %s, %s, %s, %s)",
        (work.id, work.registration, work.creator_id, hash_bits(phash), phash_quality, proxy),
    )
    for name, vector in embeddings.items():
        conn.execute(
            "insert into embeddings (model_id, work_id, registration, creator_id, embedding)"
            " values (%s, %s, %s, %s, %s)",
            (models[name], work.id, work.registration, work.creator_id, HalfVector(vector)),
        )


def erase(conn: Connection, work_id: UUID) -> bytes | None:
    """Take a work out of every index for good. Its place in the order and its post stay what they were.

    Returns: the SHA-256 (32 bytes) of media that nothing else refers to; None where another work or an appeal does.
    Raises: NotFound.
    """
    lock_registration(conn)
    row = conn.execute(
        "update works set erased_at = coalesce(erased_at, clock_timestamp()), file_name = null where id = %s"
        " returning sha256",
        (work_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no work {work_id}.")
    for table in ("image_fingerprints", "embeddings", "videos", "sounds"):
        conn.execute(sql.SQL("delete from {} where work_id = %s").format(sql.Identifier(table)), (work_id,))
    return None if orphans.needed_keys(conn, [bytes(row[0])]) else bytes(row[0])


def model_partition(conn: Connection, name: str) -> int:
    """The number of an embedding model; its partition and HNSW index are made when it is first seen."""
    row = conn.execute("select id from embedding_models where name = %s", (name,)).fetchone()
    if row is not None:
        return int(row[0])
    conn.execute("select pg_advisory_xact_lock(%s)", (MODEL_LOCK,))
    row = conn.execute(
        "insert into embedding_models (name) values (%s) on conflict do nothing returning id", (name,)
    ).fetchone()
    if row is None:
        return model_partition(conn, name)
    table = sql.Identifier(f"embeddings_m{row[0]}")
    conn.execute(
        sql.SQL("create table {} partition of embeddings for values in ({})").format(table, sql.Literal(row[0]))
    )
    # Plain storage: a 1 KB vector must stay in the row, or each distance costs a look-up elsewhere.
    conn.execute(sql.SQL("alter table {} alter embedding set storage plain").format(table))
    conn.execute(
        sql.SQL(
            "create index on {} using hnsw (embedding halfvec_cosine_ops) with (m = 16, ef_construction = 64)"
        ).format(table)
    )
    return int(row[0])


def hash_bits(phash: bytes) -> Bit:
    """A perceptual hash of 32 bytes as pgvector's bit(256)."""
    return Bit(phash)


def grant(conn: Connection, owner_id: int, licensee_id: int, work_id: UUID | None, note: str | None) -> int:
    """Record a permission for one work, or for all works of the owner where `work_id` is None."""
    row = conn.execute(
        "insert into permissions (owner_id, licensee_id, work_id, note) values (%s, %s, %s, %s)"
        " on conflict (owner_id, licensee_id, work_id) do update set note = excluded.note returning id",
        (owner_id, licensee_id, work_id, note),
    ).fetchone()
    assert row is not None
    return int(row[0])


def licensed_works(conn: Connection, licensee_id: int | None, ids: list[UUID]) -> set[UUID]:
    """Those of the works that a permission lets this creator use."""
    rows = conn.execute(
        "select w.id from works w join permissions p on p.owner_id = w.creator_id"
        " and (p.work_id is null or p.work_id = w.id) where p.licensee_id = %s and w.id = any(%s)",
        (licensee_id, ids),
    ).fetchall()
    return {row[0] for row in rows}
