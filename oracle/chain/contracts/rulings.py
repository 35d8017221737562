"""What people decide about posts: the calls that carry it to the contract, and how it stands there.

Hashes and post ids 32 bytes, accounts 20. Raises: ChainError where something is read.
"""

from dataclasses import dataclass
from enum import IntEnum

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.payments import DISPUTES, SPLITTER, ContractCall, DisputeView
from oracle.chain.contracts.verify import PostResult
from oracle.chain.core.abis import contract
from oracle.chain.core.report import ZERO_ADDRESS, ZERO_HASH, Outcome, PoCReport
from oracle.chain.core.wire import BlockId, Header, hexed
from oracle.chain.rpc.client import ChainClient


class CaseStatus(IntEnum):
    """Stage of a claim or a correction, as the contract numbers it."""

    NONE = 0
    OPEN = 1
    UPHELD = 2
    REJECTED = 3
    LAPSED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What people found a post to be; the original is named of a derivative only."""

    outcome: Outcome
    similarity_bps: int
    reason_hash: bytes
    original_creator: bytes = ZERO_ADDRESS
    original_post_id: bytes = ZERO_HASH


@dataclass(frozen=True, slots=True)
class CaseView:
    """How a post stands at one block, for what has to be done next."""

    time: int  # of the block, Unix seconds
    result: PostResult | None
    dispute_id: int
    dispute: DisputeView | None
    claim_open: bool


def view_case(client: ChainClient, post_id: bytes, claim_id: int | None, block: Header) -> CaseView:
    """Read a post's result, its open dispute and a claim about it, as of a block."""
    where = client.deployment.disputes
    result = verify.find_result(client, post_id, block=block.number)
    dispute_id = int(
        client.read("PoCDisputes", where, "openDisputeOf", post_id, block=block.number)
    )
    claim_open = False
    if claim_id is not None:
        kept = client.read_struct("PoCDisputes", where, "claimOf", claim_id, block=block.number)
        claim_open = kept["status"] == CaseStatus.OPEN and kept["postId"] == post_id
    return CaseView(
        block.timestamp,
        result,
        dispute_id,
        payments.read_dispute(client, dispute_id) if dispute_id else None,
        claim_open,
    )


def claim_on_word(post_id: bytes, original_post_id: bytes, question_hash: bytes) -> ContractCall:
    """Have the share in question wait until an arbiter decides, on a platform's word."""
    return _call("claimOnWord", post_id, original_post_id, question_hash)


def propose(post_id: bytes, finding: Finding) -> ContractCall:
    """Begin a correction; it can be seen coming for a while."""
    return _call("propose", post_id, _tuple(finding))


def uphold_claim(claim_id: int, finding: Finding) -> ContractCall:
    """Uphold a claim: a correction begins."""
    return _call("upholdClaim", claim_id, _tuple(finding))


def reject_claim(claim_id: int, reason_hash: bytes) -> ContractCall:
    """Reject a claim; with the last one the post is as it was."""
    return _call("rejectClaim", claim_id, reason_hash)


def reject_and_propose(claim_id: int, post_id: bytes, finding: Finding) -> ContractCall:
    """Reject a claim and begin a correction in one transaction: nothing is free in between."""
    calls = [reject_claim(claim_id, finding.reason_hash).data, propose(post_id, finding).data]
    return _call("multicall", calls)


def review(post_id: bytes, finding: Finding) -> ContractCall:
    """Decide what the oracle could not, and nobody disputes."""
    ruling = (
        int(finding.outcome),
        hexed(finding.original_creator),
        finding.original_post_id,
        finding.reason_hash,
        False,  # the contract says itself what can be disputed
    )
    return _call("review", post_id, ruling)


def rule(dispute_id: int, outcome: Outcome, reason_hash: bytes) -> ContractCall:
    """Rule on an open dispute."""
    return _call("rule", dispute_id, int(outcome), reason_hash)


def execute(correction_id: int) -> ContractCall:
    """Carry a correction out whose time has come. Anyone may."""
    return _call("execute", correction_id)


def settle(dispute_id: int) -> ContractCall:
    """End a dispute whose time is over. Anyone may."""
    return _call("settle", dispute_id)


def settle_claim(claim_id: int) -> ContractCall:
    """End a claim that nobody decided in time. Anyone may."""
    return _call("settleClaim", claim_id)


def show(report: PoCReport) -> ContractCall:
    """Write down the content that a post's result is of, from its report. Anyone may."""
    data = contract("PostRegistry").call_data("show", report.as_tuple())
    return ContractCall("post_registry", data)


def pay_contested(post_id: bytes, token: bytes) -> ContractCall:
    """Pay out what waited for a verdict that is final. Anyone may."""
    return _splitter("payContested", post_id, hexed(token))


def release_frozen(post_id: bytes, token: bytes) -> ContractCall:
    """Give back what a freeze held that has ended. Anyone may."""
    return _splitter("releaseFrozen", post_id, hexed(token))


def held_money(
    client: ChainClient, post_id: bytes, token: bytes, kind: str, block: BlockId = "latest"
) -> int:
    """What of a post's money waits in the contract, in smallest units.

    Args: kind: contested or frozen.
    """
    function = "contested" if kind == "contested" else "frozenEarnings"
    where = client.deployment.revenue_splitter
    return int(client.read("RevenueSplitter", where, function, post_id, hexed(token), block=block))


def is_post_frozen(client: ChainClient, post_id: bytes) -> bool:
    """Whether a freeze holds what a post earns its poster, as of now."""
    return bool(client.read("FraudGuard", client.deployment.fraud_guard, "isPostFrozen", post_id))


def correction_ready_at(client: ChainClient, correction_id: int) -> int:
    """Unix time from which a correction can be executed; 0 where it does not wait any more."""
    kept = client.read_struct(
        "PoCDisputes", client.deployment.disputes, "correctionOf", correction_id
    )
    return int(kept["readyAt"]) if kept["status"] == CaseStatus.OPEN else 0


def claim_until(client: ChainClient, claim_id: int) -> int:
    """Unix time until which a claim waits for an arbiter; 0 where it does not any more."""
    kept = client.read_struct("PoCDisputes", client.deployment.disputes, "claimOf", claim_id)
    return int(kept["until"]) if kept["status"] == CaseStatus.OPEN else 0


def _tuple(finding: Finding) -> tuple[object, ...]:
    return (
        int(finding.outcome),
        finding.similarity_bps,
        hexed(finding.original_creator),
        finding.original_post_id,
        finding.reason_hash,
    )


def _call(function: str, *args: object) -> ContractCall:
    name, where = DISPUTES
    return ContractCall(where, contract(name).call_data(function, *args))


def _splitter(function: str, *args: object) -> ContractCall:
    name, where = SPLITTER
    return ContractCall(where, contract(name).call_data(function, *args))
