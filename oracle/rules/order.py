"""Who was first: the order of all works. Pure; `tests/vectors/order.json` holds its vectors.

A sequence number is given once and never changes: to an upload in its commit, to a contract's
request in the transaction that records its event, in the order of blocks and logs. *Earlier* means
proven publication, then sequence number.

What proves: the block of a request that names the hash of its content, the block of the commitment
that it opens, and a claim of history whose veto window has passed. An upload is dated by its
acceptance. All else that a file or a client says of its age proves nothing.

A request without a hash says where the content is, not which: it is dated by its block only if its
server delivers when it is first asked. Otherwise the place could be taken now and filled with what
another creator publishes later. How late it is asked is our delay, and costs it nothing. What
another creator brings while its server lets us wait contests it: that may be what it fills.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Precedence:
    """A work's place among all works: the smaller one is the earlier.

    dated_at: since when it is proven to exist. sequence: its number, which decides among equals.
    """

    dated_at: datetime
    sequence: int


def may_change(candidate: Precedence, identical: Sequence[Precedence]) -> bool:
    """Whether comparing a candidate can change whom a work is credited to, where these earlier
    works are the very same bytes.

    They cover all of it, so the first of them outweighs every work that came after it; one that
    came before may be what they were taken from.
    """
    return not identical or candidate < min(identical)


def block_moment(block_time: datetime, number: int) -> datetime:
    """When a block came: its time, to the microsecond, so that blocks of one second are in order.

    Chains date blocks in whole seconds, and some make several in one.
    """
    return block_time + timedelta(microseconds=number % 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How a work came.

    Attributes:
        accepted_at: When its bytes were here: an upload's commit, the end of a request's fetch.
        block_at: The time of its request's block; None for an upload.
        committed_at: The time of the block of the commitment that the request opened.
        names_content: Whether the request named the hash of its content.
        server_failed: Whether its server was asked before and did not deliver.
    """

    accepted_at: datetime
    block_at: datetime | None = None
    committed_at: datetime | None = None
    names_content: bool = False
    server_failed: bool = False


def dated_at(arrival: Arrival, proofs: Sequence[datetime] = ()) -> datetime:
    """Since when a work is proven to exist.

    Args: proofs: publication by claims of history.
    """
    proven = [arrival.accepted_at, *proofs]
    if arrival.block_at is not None and (arrival.names_content or not arrival.server_failed):
        proven.append(arrival.block_at)
    if arrival.committed_at is not None:
        proven.append(arrival.committed_at)
    return min(proven)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One creator's claim to some content, as far as it decides whether it is contested.

    block_at, block_number: None for an upload. committed: it opened a commitment of an earlier
        block. dated_at: since when it is proven to exist. asked_at, fetched_at: of a request
        without a hash that is dated by its block, when its server was asked and its media was here.
    """

    creator_id: int | None
    sha256: bytes
    dated_at: datetime
    block_at: datetime | None
    block_number: int | None = None
    committed: bool = False
    asked_at: datetime | None = None
    fetched_at: datetime | None = None


def contested(one: Claim, other: Claim, window: timedelta) -> bool:
    """Whether nobody can tell which of two claims to matching content is the copy.

    A request is in sight before it is in a block, and who pays more comes into an earlier one. So
    two creators' requests contest each other where neither opened a commitment and they are for the
    same bytes within the window, or in the same block, where even the order is bought. Uploads are
    in nobody's sight before their acceptance: that decides, unless a request without a hash could
    be filled with them after it.
    """
    if one.creator_id is not None and one.creator_id == other.creator_id:
        return False
    if _may_hold(one, other) or _may_hold(other, one):
        return True
    if one.block_at is None or other.block_at is None or one.committed or other.committed:
        return False
    apart = abs(one.block_at - other.block_at)
    same_block = apart == timedelta(0) and one.block_number == other.block_number
    return same_block or (one.sha256 == other.sha256 and apart <= window)


def _may_hold(request: Claim, other: Claim) -> bool:
    """Whether a request may have been filled with what another creator brought meanwhile."""
    if request.asked_at is None or request.fetched_at is None:
        return False
    return request.asked_at <= other.dated_at <= request.fetched_at
