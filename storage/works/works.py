"""Works and their sequence: who was first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound
from storage.search import contents
from storage.works.facts import StatedFacts
from storage.works.media_in_use import needed_keys

SEQUENCE_LOCK = 0x0_F1257  # one writer at a time: who takes a number sees every smaller one


@dataclass(frozen=True)
class ReservedSequence:
    """A request's sequence number and the moment it was taken; `now` by the database's clock."""

    sequence: int
    registered_at: datetime
    server_failed: bool
    now: datetime


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
    """A stored work.

    Works are in the order of `dated_at`, since when they are proven to exist, then of `sequence`.
    `block_at`, `block_number`, `committed_at`: of a contract's request, its block, and when that of
    its commitment came. `asked_at`, `fetched_at`: of one without a hash that is dated by its block,
    when its server was asked, and when its media was here.
    `account` is always stored, and never changes: the chain knows the work by it.
    """

    sequence: int
    registered_at: datetime
    published_at: datetime
    dated_at: datetime
    block_at: datetime | None = None
    block_number: int | None = None
    committed_at: datetime | None = None
    asked_at: datetime | None = None
    fetched_at: datetime | None = None
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
    dated_at: datetime | None = None,
    block_at: datetime | None = None,
    block_number: int | None = None,
    committed_at: datetime | None = None,
    asked_at: datetime | None = None,
) -> None:
    """Store a work under the next sequence number, or under the one that was reserved for it.

    Args:
        published_at: the time of the post's block where a chain says so; the moment of registration
            otherwise.
        dated_at: since when it is proven to exist; the moment of registration otherwise.
        block_at: the time of its request's block, with `block_number`; committed_at: of its
            commitment's.
        asked_at: when its server was asked, where others may contest what it delivers by now.
    """
    lock_sequence(conn)
    conn.execute(
        "insert into works (id, creator_id, post_id, media_type, sha256, mime, size_bytes, width,"
        " height, file_name, blob_key, duration_ms, title, category, audience,"
        " stated_published_at, external_id, posted_by, account, registration, registered_at,"
        " published_at, dated_at, block_at, block_number, committed_at, asked_at, fetched_at)"
        " select %(id)s, %(creator_id)s, %(post_id)s, %(media_type)s, %(sha256)s, %(mime)s,"
        " %(size_bytes)s, %(width)s, %(height)s, %(file_name)s, %(blob_key)s, %(duration_ms)s,"
        " %(title)s, %(category)s, %(audience)s, %(stated_published_at)s, %(external_id)s,"
        " %(posted_by)s,"
        " coalesce(%(account)s, (select account from creators where id = %(creator_id)s)),"
        " coalesce(%(sequence)s, nextval('work_registration')), at, coalesce(%(published_at)s, at),"
        " coalesce(%(dated_at)s, at), %(block_at)s, %(block_number)s, %(committed_at)s,"
        " %(asked_at)s, case when %(asked_at)s::timestamptz is not null then clock_timestamp() end"
        # A clock that is set back must put no upload before those that were taken in already.
        " from (select coalesce(%(registered_at)s, greatest(clock_timestamp(), (select"
        " registered_at from works where block_at is null order by registration desc limit 1)))"
        " as at) now",
        {
            **vars(work),
            "sequence": reserved.sequence if reserved else None,
            "registered_at": reserved.registered_at if reserved else None,
            "published_at": published_at,
            "dated_at": dated_at,
            "block_at": block_at,
            "block_number": block_number,
            "committed_at": committed_at,
            "asked_at": asked_at,
        },
    )


def date_by_registration(conn: Connection, work_id: UUID) -> None:
    """Date a work by when it was registered, whatever dated it before."""
    conn.execute("update works set dated_at = registered_at where id = %s", (work_id,))


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


def is_empty(conn: Connection) -> bool:
    """Return whether no work was ever taken in."""
    return conn.execute("select from works limit 1").fetchone() is None


def reserve_sequence(conn: Connection, analysis_id: UUID) -> None:
    """Give a request's analysis its sequence number: the one that was taken with its event.

    It is kept for ever, however long the media is in coming.
    """
    lock_sequence(conn)
    conn.execute(
        "update analyses a set registration = coalesce(i.registration,"
        " nextval('work_registration')), registered_at = coalesce(i.seen_at, clock_timestamp())"
        " from (select %(id)s::uuid as id) wanted join analyses own using (id) left join inbox i"
        " on i.request_id = own.request_id where a.id = wanted.id",
        {"id": analysis_id},
    )


def clock(conn: Connection) -> datetime:
    """The moment by the clock that dates works."""
    row = conn.execute("select clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def get_reserved_sequence(conn: Connection, analysis_id: UUID) -> ReservedSequence:
    """The number that was reserved for a request's work. Raises: NotFound."""
    row = conn.execute(
        "select registration, registered_at, fetch_failed, clock_timestamp() from analyses where"
        " id = %s and registration is not null",
        (analysis_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"The analysis {analysis_id} has no sequence number of its own.")
    return ReservedSequence(*row)


def note_fetch_failed(conn: Connection, analysis_id: UUID) -> None:
    """Note that a request's server was asked and did not deliver."""
    conn.execute("update analyses set fetch_failed = true where id = %s", (analysis_id,))


# Numbers and dates are nearly the same order. Two kinds differ: works that were numbered later than
# they are dated, whose whole span holds this work's date, and this work itself where it is dated
# later than it was numbered; then the last thousand before it tell how far the numbers have come.
_SEARCH_BOUND = """
select greatest(%(own)s,
    (select max(registration) + 1 from works
        where tstzrange(least(dated_at, registered_at), registered_at) @> %(at)s::timestamptz
        and dated_at < registered_at),
    (select max(registration) + 1 from (
        select registration from works
        where (dated_at, registration) < (%(at)s, %(own)s) and read_number is not null
        order by dated_at desc, registration desc limit 1000
    ) last where %(late)s))
"""


def search_bound(conn: Connection, work: Work) -> int:
    """A number that all earlier works are below, and hardly any later one: indexes are searched
    by number.
    """
    row = conn.execute(
        _SEARCH_BOUND,
        {"at": work.dated_at, "own": work.sequence, "late": work.dated_at > work.registered_at},
    ).fetchone()
    assert row is not None
    return int(row[0])


_RIVALS = """
(select id from works where sha256 = %(sha256)s and id <> %(id)s
    and block_at between %(since)s and %(until)s and read_number is not null and erased_at is null
    order by registration limit 20)
union
(select w.id from analyses a join works w on w.id = a.work_id
    where a.matched_work_id = %(id)s and a.reason = 'contested' and w.erased_at is null and
    (w.block_at = %(block_at)s and w.block_number = %(block_number)s or w.dated_at between
        %(asked_at)s and %(fetched_at)s) limit 20)
"""


def find_rival_requests(conn: Connection, work: Work, window: timedelta) -> list[UUID]:
    """Works that may contest this one's request, the younger ones with the earlier: of the same
    bytes within `window` by block time, or found to match and of the same block or brought while
    its server let us wait; none for an upload.
    """
    if work.block_at is None:
        return []
    rows = conn.execute(
        _RIVALS,
        {
            "sha256": work.sha256,
            "id": work.id,
            "block_at": work.block_at,
            "block_number": work.block_number,
            "since": work.block_at - window,
            "until": work.block_at + window,
            "asked_at": work.asked_at,
            "fetched_at": work.fetched_at,
        },
    ).fetchall()
    return [row[0] for row in rows]


def is_read(conn: Connection, work_id: UUID) -> bool:
    """Whether later works can find this one."""
    row = conn.execute(
        "select read_number is not null from works where id = %s", (work_id,)
    ).fetchone()
    return bool(row and row[0])


def get_works(conn: Connection, ids: list[UUID]) -> dict[UUID, Work]:
    """The works of those ids; an id that does not exist is left out."""
    with conn.cursor(row_factory=class_row(Work)) as cursor:
        cursor.execute(
            "select w.id, creator_id, post_id, media_type, sha256, mime, size_bytes, width,"
            " height, file_name, blob_key, duration_ms, registration as sequence, registered_at,"
            " published_at, dated_at, block_at, block_number, committed_at, asked_at, fetched_at,"
            " c.handle as creator, w.account, erased_at, title, category, audience,"
            " stated_published_at, external_id, posted_by from works w left join creators c on c.id"
            " = w.creator_id where w.id = any(%s)",
            (ids,),
        )
        return {work.id: work for work in cursor}


def get_work(conn: Connection, work_id: UUID) -> Work:
    """Raises: NotFound."""
    works = get_works(conn, [work_id])
    if work_id not in works:
        raise NotFound(f"There is no work {work_id}.")
    return works[work_id]


def find_first_of_post(conn: Connection, post_id: bytes) -> Work | None:
    """The work that a post stands for, None for a post that is not known here."""
    row = conn.execute(
        "select id from works where post_id = %s order by registration limit 1", (post_id,)
    ).fetchone()
    return get_work(conn, row[0]) if row else None


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
    contents.pass_leads(conn, work_id)
    for table in ("image_fingerprints", "embeddings", "videos", "sounds", "work_corrections"):
        conn.execute(
            sql.SQL("delete from {} where work_id = %s").format(sql.Identifier(table)), (work_id,)
        )
    return None if needed_keys(conn, [bytes(row[0])]) else bytes(row[0])
