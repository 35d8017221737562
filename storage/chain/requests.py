"""What the node has read from the chain: a window of blocks by parent hash, and requests once
each.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.works import works


@dataclass(frozen=True)
class Block:
    """A block header as far as the node needs it; hashes are 32 bytes."""

    number: int
    hash: bytes
    parent_hash: bytes
    block_time: datetime


@dataclass(frozen=True)
class RequestSeen:
    """A contract's request, as its event tells it.

    Ids and hashes are 32 bytes, accounts 20. `content_hash` is zero where the requester did not
    commit to one; `block_time` is the time of the block that carries the event.
    """

    request_id: bytes
    seq: int
    requester: bytes
    post_id: bytes
    creator: bytes
    content_hash: bytes
    media_type: str  # image, video or audio
    uri: str
    config_version: int
    deadline: datetime
    tx_hash: bytes
    log_index: int
    block_number: int
    block_hash: bytes
    block_time: datetime
    min_signatures: int = 0  # more than the quorum's where a second look was asked for
    # the time of the block of the commitment that it opened, None where it opened none
    committed_at: datetime | None = None


@dataclass(frozen=True)
class InboxCounts:
    """How many requests are in which state."""

    waiting: int
    accepted: int
    declined: int
    conflict: int
    orphaned: int


REQUEST_COLUMNS = (
    "request_id, seq, requester, post_id, creator, content_hash, media_type, uri, config_version,"
    " deadline, tx_hash, log_index, block_number, block_hash, block_time, min_signatures,"
    " committed_at"
)


def tip(conn: Connection) -> Block | None:
    """The last block that was read, None before the first."""
    return _block(conn, "order by number desc limit 1")


def block_below(conn: Connection, number: int) -> Block | None:
    """The highest block that was read below this height, None at the window's end."""
    return _block(conn, "where number < %s order by number desc limit 1", (number,))


def append(conn: Connection, block: Block) -> None:
    """Note a block as read; its parent must be the tip or the window empty (the caller has
    checked).
    """
    conn.execute(
        "insert into chain_blocks (number, hash, parent_hash, block_time) values (%s, %s, %s, %s)",
        (block.number, block.hash, block.parent_hash, block.block_time),
    )


def rewind(conn: Connection, to_number: int) -> int:
    """Forget every block above `to_number` and take its requests off the chain.

    Returns how many blocks.
    """
    conn.execute(
        "update inbox set gone_from = block_number, block_number = null, block_hash = null where"
        " block_number > %s",
        (to_number,),
    )
    return conn.execute("delete from chain_blocks where number > %s", (to_number,)).rowcount


def restart(conn: Connection, block: Block) -> None:
    """Begin a new window at this block; requests above it are off the chain until they are read
    again.
    """
    conn.execute(
        "update inbox set gone_from = block_number, block_number = null, block_hash = null where"
        " block_number > %s",
        (block.number,),
    )
    conn.execute("delete from chain_blocks")
    append(conn, block)


def prune(conn: Connection, below_number: int) -> None:
    """Forget blocks below a finalized one; nothing can reach back behind it."""
    conn.execute("delete from chain_blocks where number < %s", (below_number,))


def note(conn: Connection, request: RequestSeen) -> str:
    """Store a request, or its new place in the chain after a reorg. Returns its status.

    Its sequence number is taken with its row, and no reorg changes it. An id that comes back with
    another content (the requester sent something else in the other branch) becomes a conflict: what
    was analysed is not what is asked now, so it is never answered.
    """
    values = astuple(request)
    works.lock_sequence(conn)
    row = conn.execute(
        f"insert into inbox ({REQUEST_COLUMNS}) values ({', '.join(['%s'] * len(values))}) on"
        " conflict (request_id) do update set tx_hash = excluded.tx_hash, log_index ="
        " excluded.log_index, block_number = excluded.block_number, block_hash ="
        " excluded.block_hash, gone_from = null, block_time = excluded.block_time, committed_at ="
        " excluded.committed_at, deadline = excluded.deadline,"
        " status = case when (inbox.post_id, inbox.creator, inbox.content_hash, inbox.media_type,"
        " inbox.uri, inbox.config_version) = (excluded.post_id, excluded.creator,"
        " excluded.content_hash, excluded.media_type, excluded.uri, excluded.config_version) then"
        " inbox.status else 'conflict' end returning status",
        values,
    ).fetchone()
    assert row is not None
    return str(row[0])


def min_signatures(conn: Connection, request_id: bytes) -> int:
    """How many signatures a request asks for; 0 where the quorum's own number is enough, or for
    an upload.
    """
    row = conn.execute(
        "select min_signatures from inbox where request_id = %s", (request_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def waiting(conn: Connection, *, limit: int = 100) -> Sequence[RequestSeen]:
    """Requests on the chain that were not handed over yet and are due, oldest first."""
    with conn.cursor(row_factory=class_row(RequestSeen)) as cursor:
        return cursor.execute(
            f"select {REQUEST_COLUMNS} from inbox where status = 'waiting' and next_try_at <= now()"
            " and block_number is not null order by block_number, log_index limit %s",
            (limit,),
        ).fetchall()


def accepted(conn: Connection, request_id: bytes, analysis_id: UUID | None) -> None:
    """Note that a request was handed over: to this analysis, or declined where there is none."""
    conn.execute(
        "update inbox set status = %s, analysis_id = %s, error = null where request_id = %s",
        ("accepted" if analysis_id else "declined", analysis_id, request_id),
    )


def postpone(conn: Connection, request_id: bytes, error: str) -> None:
    """Note why a request could not be handed over, and try it again: after 2 s, 4 s, … 5
    minutes.
    """
    conn.execute(
        "update inbox set error = %s, tries = tries + 1, next_try_at = now() + least(power(2,"
        " least(tries, 10) + 1), 300) * interval '1 second' where request_id = %s",
        (error, request_id),
    )


def find(conn: Connection, request_id: bytes) -> RequestSeen | None:
    """A request that is on the chain now; None for one never seen or orphaned."""
    with conn.cursor(row_factory=class_row(RequestSeen)) as cursor:
        return cursor.execute(
            f"select {REQUEST_COLUMNS} from inbox where request_id = %s and block_number is not"
            " null",
            (request_id,),
        ).fetchone()


def is_answerable(conn: Connection, request_id: bytes) -> bool:
    """Whether a request is on the chain with the content that was analysed."""
    row = conn.execute(
        "select from inbox where request_id = %s and block_number is not null and status <>"
        " 'conflict'",
        (request_id,),
    ).fetchone()
    return row is not None


def blocks_of_requests(
    conn: Connection, *, below: int | None, limit: int = 100
) -> Sequence[tuple[int, bytes]]:
    """(number, hash) of blocks that carry requests, latest first: anchors to find a shared block
    by.
    """
    return conn.execute(
        "select distinct block_number, block_hash from inbox where block_number is not null and"
        " (%(below)s::bigint is null or block_number < %(below)s) order by block_number desc limit"
        " %(limit)s",
        {"below": below, "limit": limit},
    ).fetchall()


def sequence_gaps(conn: Connection, *, last: int) -> Sequence[tuple[int, int]]:
    """Ranges (first, last) of sequence numbers up to `last` that no event on the chain has shown
    to us.
    """
    return conn.execute(
        "select previous + 1, seq - 1 from (select seq, lag(seq, 1, 0::bigint) over (order by seq)"
        " as previous from (select seq from inbox where block_number is not null and seq <="
        " %(last)s union all select %(last)s + 1) known (seq)) numbered where seq > previous + 1"
        " order by seq",
        {"last": last},
    ).fetchall()


def block_of_sequence(conn: Connection, *, below: int) -> int | None:
    """The block of the last request on the chain before a sequence number, None where there is
    none.
    """
    row = conn.execute("select max(block_number) from inbox where seq < %s", (below,)).fetchone()
    return row[0] if row else None


def counts(conn: Connection) -> InboxCounts:
    with conn.cursor(row_factory=class_row(InboxCounts)) as cursor:
        found = cursor.execute(
            "select count(*) filter (where status = 'waiting') as waiting,"
            " count(*) filter (where status = 'accepted') as accepted,"
            " count(*) filter (where status = 'declined') as declined,"
            " count(*) filter (where status = 'conflict') as conflict,"
            " count(*) filter (where block_number is null) as orphaned from inbox"
        ).fetchone()
    assert found is not None
    return found


def _block(conn: Connection, where: str, params: tuple[object, ...] = ()) -> Block | None:
    with conn.cursor(row_factory=class_row(Block)) as cursor:
        return cursor.execute(
            f"select number, hash, parent_hash, block_time from chain_blocks {where}", params
        ).fetchone()
