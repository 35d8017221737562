"""Works and their sequence: who was first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound
from storage.works.facts import StatedFacts
from storage.works.media_in_use import needed_keys

SEQUENCE_LOCK = 0x0_F1257  # one writer at a time: who takes a number sees every smaller one
# How long a number stays reserved while a request's media is fetched; the margin covers the
# transaction that uses it.
RESERVATION_TIME = timedelta(seconds=30)
RESERVATION_MARGIN = timedelta(seconds=3)


@dataclass(frozen=True)
class ReservedSequence:
    """A sequence number that was taken ahead, and the moment it was taken."""

    sequence: int
    registered_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewWork(StatedFacts):
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
    # the account it is posted under, 20 bytes, where it is not the one that its creator is paid at
    account: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Work(NewWork):
    """A stored work. `sequence` is its number in the order of all works; smaller came first.

    `account` is always stored, and never changes: the chain knows the work by it.
    """

    sequence: int
    registered_at: datetime
    published_at: datetime
    creator: str | None
    erased_at: datetime | None = None


def lock_sequence(conn: Connection) -> None:
    """Let one transaction at a time take sequence numbers: who takes a larger one sees every
    smaller one.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (SEQUENCE_LOCK,))


def add_work(
    conn: Connection,
    work: NewWork,
    *,
    reserved: ReservedSequence | None = None,
    published_at: datetime | None = None,
) -> None:
    """Store a work under the next sequence number, or under the one that was reserved for it.

    Args:
        published_at: the time of the post's block where a chain says so; the moment of registration
            otherwise.
    """
    lock_sequence(conn)
    conn.execute(
        "insert into works (id, creator_id, post_id, media_type, sha256, mime, size_bytes, width,"
        " height, file_name, blob_key, duration_ms, title, category, audience,"
        " stated_published_at, external_id, posted_by, account, registration, registered_at,"
        " published_at)"
        " select %(id)s, %(creator_id)s, %(post_id)s, %(media_type)s, %(sha256)s, %(mime)s,"
        " %(size_bytes)s, %(width)s, %(height)s, %(file_name)s, %(blob_key)s, %(duration_ms)s,"
        " %(title)s, %(category)s, %(audience)s, %(stated_published_at)s, %(external_id)s,"
        " %(posted_by)s,"
        " coalesce(%(account)s, (select account from creators where id = %(creator_id)s)),"
        " coalesce(%(sequence)s, nextval('work_registration')), at, coalesce(%(published_at)s, at)"
        " from (select coalesce(%(registered_at)s, clock_timestamp()) as at) now",
        {
            **vars(work),
            "sequence": reserved.sequence if reserved else None,
            "registered_at": reserved.registered_at if reserved else None,
            "published_at": published_at,
        },
    )


def find_registered(conn: Connection, post_id: bytes, sha256: bytes) -> Work | None:
    """The first work of that post with that content, None where there is none or it was erased."""
    row = conn.execute(
        "select id from works where post_id = %s and sha256 = %s and erased_at is null order by"
        " registration limit 1",
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
    """Whether the post's first work has another creator or other content: a post stays what it was,
    as on chain.

    Call it with the sequence locked, or another work may take the post meanwhile.
    """
    row = conn.execute(
        "select creator_id is distinct from %s or sha256 <> %s from works where post_id = %s"
        " order by registration limit 1",
        (creator_id, sha256, post_id),
    ).fetchone()
    return bool(row and row[0])


def reserve_sequence(conn: Connection, analysis_id: UUID) -> None:
    """Reserve the next sequence number for a request whose media is still to be fetched."""
    lock_sequence(conn)
    conn.execute(
        "update analyses set registration = nextval('work_registration'), registered_at ="
        " clock_timestamp() where id = %s",
        (analysis_id,),
    )


def find_reserved_sequence(conn: Connection, analysis_id: UUID) -> ReservedSequence | None:
    """The number that was reserved for a request's work, None once the wait for its media was
    over.
    """
    row = conn.execute(
        "select registration, registered_at from analyses where id = %s and registered_at >"
        " clock_timestamp() - %s",
        (analysis_id, RESERVATION_TIME - RESERVATION_MARGIN),
    ).fetchone()
    return ReservedSequence(*row) if row else None


def earlier_works_pending(conn: Connection, sequence: int, *, history: bool) -> set[str]:
    """The media types of works with a smaller number that cannot be found yet, though their
    analysis goes on.

    A request whose media is slow to come is waited for as long as its number is reserved, and no
    longer: no client can hold up the others by a slow server.

    Args: history: whether historical content that is being registered counts; live posts do not
        wait for it.
    """
    rows = conn.execute(
        "select distinct w.media_type from works w join analyses a on a.work_id = w.id where"
        " w.visible_at is null and w.registration < %(before)s and a.status in ('queued',"
        " 'running') and (%(history)s or a.source <> 'index') union select media_type from"
        " analyses where registration < %(before)s and work_id is null and status in ('queued',"
        " 'running') and registered_at > clock_timestamp() - %(reserved)s",
        {"before": sequence, "history": history, "reserved": RESERVATION_TIME},
    ).fetchall()
    return {row[0] for row in rows}


def is_visible(conn: Connection, work_id: UUID) -> bool:
    """Whether later works can find this one."""
    row = conn.execute(
        "select visible_at is not null from works where id = %s", (work_id,)
    ).fetchone()
    return bool(row and row[0])


def get_works(conn: Connection, ids: list[UUID]) -> dict[UUID, Work]:
    """The works of those ids; an id that does not exist is left out."""
    with conn.cursor(row_factory=class_row(Work)) as cursor:
        cursor.execute(
            "select w.id, creator_id, post_id, media_type, sha256, mime, size_bytes, width,"
            " height, file_name, blob_key, duration_ms, registration as sequence, registered_at,"
            " published_at, c.handle as creator, w.account, erased_at, title,"
            " category, audience, stated_published_at, external_id, posted_by from"
            " works w left join creators c on c.id = w.creator_id where w.id = any(%s)",
            (ids,),
        )
        return {work.id: work for work in cursor}


def get_work(conn: Connection, work_id: UUID) -> Work:
    """Raises: NotFound."""
    works = get_works(conn, [work_id])
    if work_id not in works:
        raise NotFound(f"There is no work {work_id}.")
    return works[work_id]


def erase(conn: Connection, work_id: UUID) -> bytes | None:
    """Take a work out of every index for good. Its sequence number and its post stay what they
    were.

    Returns: the SHA-256 (32 bytes) of media that nothing else refers to; None where another work or
        an appeal does.
    Raises: NotFound.
    """
    lock_sequence(conn)
    row = conn.execute(
        "update works set erased_at = coalesce(erased_at, clock_timestamp()), file_name = null,"
        " title = null, category = null, audience = null, stated_published_at = null, external_id ="
        " null where id = %s returning sha256",
        (work_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no work {work_id}.")
    conn.execute("update posts set title = null where work_id = %s", (work_id,))
    for table in ("image_fingerprints", "embeddings", "videos", "sounds", "work_corrections"):
        conn.execute(
            sql.SQL("delete from {} where work_id = %s").format(sql.Identifier(table)), (work_id,)
        )
    return None if needed_keys(conn, [bytes(row[0])]) else bytes(row[0])
