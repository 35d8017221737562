"""Reading decisions back from the chain: what is recorded there, whatever our database says."""

from dataclasses import dataclass
from enum import IntEnum

from oracle.chain.core.report import MediaType, Outcome
from oracle.chain.core.wire import BlockId, address_bytes
from oracle.chain.rpc.client import FULFILLED, ChainClient


class RequestStatus(IntEnum):
    """Standing of a request or attestation at the hub, as the contract numbers it."""

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

    Hashes 32 bytes, accounts 20, shares in basis points.
    """

    request_id: bytes
    content_hash: bytes
    original_post_id: bytes
    evidence_hash: bytes
    model_digest: bytes
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
    observed_at: int
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
    """A request or attestation as the hub keeps it."""

    requester: bytes
    status: RequestStatus
    outcome: Outcome
    callback_status: int  # 0 none, 1 delivered, 2 failed
    deadline: int
    config_version: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """The event by which a transaction answered a request, and its block."""

    request_id: bytes
    post_id: bytes
    outcome: Outcome
    similarity_bps: int
    redirect_bps: int
    original_creator: bytes
    evidence_hash: bytes
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
        request_id=found["requestId"],
        content_hash=found["contentHash"],
        original_post_id=found["originalPostId"],
        evidence_hash=found["evidenceHash"],
        model_digest=found["modelDigest"],
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
        observed_at=found["observedAt"],
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
    """The hub's record of a request or attestation; status NONE where it has none.

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


def find_fulfilment(client: ChainClient, tx_hash: bytes, request_id: bytes) -> Fulfilment | None:
    """How a transaction answered a request; None if it is unmined, reverted, or answered another
    one.

    Raises: ChainError.
    """
    receipt = client.find_receipt(tx_hash)
    if receipt is None or not receipt.succeeded:
        return None
    finalized = client.finalized(client.head())
    for entry in receipt.logs:
        if entry.address != client.hub or entry.topics[:2] != (
            client.hub_abi.topic(FULFILLED),
            request_id,
        ):
            continue
        event = client.hub_abi.event(FULFILLED, entry.topics, entry.data)
        return Fulfilment(
            request_id=event["requestId"],
            post_id=event["postId"],
            outcome=Outcome(event["outcome"]),
            similarity_bps=event["similarityBps"],
            redirect_bps=event["redirectBps"],
            original_creator=address_bytes(event["originalCreator"]),
            evidence_hash=event["evidenceHash"],
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            gas_used=receipt.gas_used,
            final=receipt.block_number <= finalized.number,
        )
    return None
