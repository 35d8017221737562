"""Reading decisions back from the chain: what is recorded there, whatever our database says."""

from dataclasses import dataclass
from enum import IntEnum

from oracle.chain.core.report import SOLIDITY_TYPES, MediaType, Outcome, PoCReport
from oracle.chain.core.wire import BlockId, Log, address_bytes
from oracle.chain.rpc.client import FULFILLED, RECORDED, ChainClient


class RequestStatus(IntEnum):
    """Standing of a request at the hub, as the contract numbers it."""

    NONE = 0
    PENDING = 1
    FULFILLED = 2
    CANCELLED = 3


class PostStatus(IntEnum):
    """Standing of a post's result, as the contract numbers it."""

    NONE = 0
    PROVISIONAL = 1
    FINAL = 2
    DISPUTED = 3


@dataclass(frozen=True, slots=True)
class PostResult:
    """What the PostRegistry holds for a post.

    Hashes 32 bytes, accounts 20, shares in basis points. What else the report said is in the event
    that recorded it (`Fulfilment.report`).
    """

    commitment: bytes  # 28 bytes, of the report (`core.report.commitment`)
    content_hash: bytes | None  # None until the report of an original is shown
    original_post_id: bytes
    creator: bytes
    original_creator: bytes
    config_version: int
    media_type: MediaType
    outcome: Outcome
    tier: int  # 1 low, 2 medium, 3 high
    status: PostStatus
    similarity_bps: int
    redirect_bps: int
    held_bps: int  # waits while the result is not final: of a review, a claim or a correction
    first_recorded_at: int
    recorded_at: int
    final_at: int
    revision: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Who shares in what a post earns; the zero account and zero for an original."""

    beneficiary: bytes
    redirect_bps: int


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as the hub keeps it."""

    requester: bytes
    status: RequestStatus
    outcome: Outcome
    callback_status: int  # 0 none, 1 delivered, 2 failed
    deadline: int
    config_version: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """What a transaction recorded for a request or attestation, and its block.

    `report` is all that was recorded; None of a failure, or of an answer that a dispute took.
    """

    request_id: bytes
    post_id: bytes
    outcome: Outcome
    similarity_bps: int
    redirect_bps: int
    original_creator: bytes
    evidence_hash: bytes
    report: PoCReport | None
    block_number: int
    block_hash: bytes
    gas_used: int
    final: bool


def find_result(
    client: ChainClient, post_id: bytes, *, block: BlockId = "latest"
) -> PostResult | None:
    """The recorded result of a post, None where there is none. Raises: ChainError."""
    found = client.read_struct(
        "PostRegistry", client.deployment.post_registry, "resultOf", post_id, block=block
    )
    if found["status"] == PostStatus.NONE:
        return None
    return PostResult(
        commitment=found["commitment"],
        content_hash=found["contentHash"] if any(found["contentHash"]) else None,
        original_post_id=found["originalPostId"],
        creator=address_bytes(found["creator"]),
        original_creator=address_bytes(found["originalCreator"]),
        config_version=found["configVersion"],
        media_type=MediaType(found["mediaType"]),
        outcome=Outcome(found["outcome"]),
        tier=found["tier"],
        status=PostStatus(found["status"]),
        similarity_bps=found["similarityBps"],
        redirect_bps=found["redirectBps"],
        held_bps=found["heldBps"],
        first_recorded_at=found["firstRecordedAt"],
        recorded_at=found["recordedAt"],
        final_at=found["finalAt"],
        revision=found["revision"],
    )


def read_redirect(client: ChainClient, post_id: bytes) -> Redirect:
    """What any contract that pays the post is told.

    Raises: ContractReverted (NotPosted) where the post has no result on chain, ChainError.
    """
    beneficiary, redirect_bps = client.read(
        "PostRegistry", client.deployment.post_registry, "redirectOf", post_id
    )
    return Redirect(address_bytes(beneficiary), redirect_bps)


def has_badge(client: ChainClient, post_id: bytes) -> bool:
    """Whether the post holds the originality badge. Raises: ChainError."""
    return bool(client.read("PostRegistry", client.deployment.post_registry, "hasBadge", post_id))


def read_request(client: ChainClient, request_id: bytes) -> RequestRecord:
    """The hub's record of a request; status NONE where it has none.

    Raises: ChainError.
    """
    found = client.read_struct("PoCHub", client.deployment.hub, "getRequest", request_id)
    return RequestRecord(
        requester=address_bytes(found["requester"]),
        status=RequestStatus(found["status"]),
        outcome=Outcome(found["outcome"]),
        callback_status=found["callbackStatus"],
        deadline=found["deadline"],
        config_version=found["configVersion"],
    )


def recorded_report(client: ChainClient, entry: Log) -> tuple[PoCReport, int]:
    """The report that a log of `PostResultRecorded` holds, and the redirect in basis points.

    Raises: EndpointInconsistent, InvalidReport.
    """
    event = client.posts_abi.event(RECORDED, entry.topics, entry.data)
    values = dict(zip(SOLIDITY_TYPES, event["report"], strict=True))
    addresses = {
        name: address_bytes(values[name])
        for name, kind in SOLIDITY_TYPES.items()
        if kind == "address"
    }
    return PoCReport(**values | addresses), event["redirectBps"]


def find_fulfilment(client: ChainClient, tx_hash: bytes, request_id: bytes) -> Fulfilment | None:
    """What a transaction recorded for a request or attestation; None if it is unmined, reverted, or
    settled another one.

    Raises: ChainError.
    """
    receipt = client.find_receipt(tx_hash)
    if receipt is None or not receipt.succeeded:
        return None
    finalized = client.finalized(client.head())
    block = (
        receipt.block_number,
        receipt.block_hash,
        receipt.gas_used,
        receipt.block_number <= finalized.number,
    )
    logs = [entry for entry in receipt.logs if client.answer_of(entry) == request_id]
    for entry in logs:
        if entry.address == client.posts:
            report, redirect_bps = recorded_report(client, entry)
            return Fulfilment(
                report.request_id,
                report.post_id,
                report.outcome,
                report.similarity_bps,
                redirect_bps,
                report.original_creator,
                report.evidence_hash,
                report,
                *block,
            )
    for entry in logs:
        event = client.hub_abi.event(FULFILLED, entry.topics, entry.data)
        return Fulfilment(
            event["requestId"],
            event["postId"],
            Outcome(event["outcome"]),
            event["similarityBps"],
            event["redirectBps"],
            address_bytes(event["originalCreator"]),
            event["evidenceHash"],
            None,
            *block,
        )
    return None
