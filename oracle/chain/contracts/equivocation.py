"""Proof that a signer said two things that cannot both be honest; whoever holds it takes the
signer out.
"""

from enum import Enum

from oracle.chain.core.abis import contract
from oracle.chain.core.report import PoCReport

# of the contract: a signer whose clock is ahead may honestly call a report over a little early
PROOF_MARGIN_S = 300


class Statement(Enum):
    """What was signed twice, and the function of the OracleRegistry that takes the proof."""

    REPORT = "reportEquivocation"
    OBSERVATION = "reportTwoObservations"


def proves(kind: Statement, first: PoCReport, second: PoCReport, *, now: int) -> bool:
    """Whether two statements by one signer prove that it equivocates, in the contract's own terms.

    Args: now: Unix seconds of the chain's clock. An observation has no `valid_until`; any number
        will do.

    Two reports must both be deliverable still, or end at the same second: after the first has run
    out an honest signer may sign another. Of observations there is one for each request and epoch,
    so two different ones always are.
    """
    if (first.request_id, first.signer_epoch) != (second.request_id, second.signer_epoch):
        return False
    if kind is Statement.OBSERVATION:
        return (first.draft(), first.observed_at) != (second.draft(), second.observed_at)
    deliverable = min(first.valid_until, second.valid_until) >= now + PROOF_MARGIN_S
    return first.draft() != second.draft() and (
        first.valid_until == second.valid_until or deliverable
    )


def call_data(
    kind: Statement,
    first: PoCReport,
    first_signature: bytes,
    second: PoCReport,
    second_signature: bytes,
) -> bytes:
    """The call of the OracleRegistry that revokes the signer of both (65-byte signatures)."""
    return contract("OracleRegistry").call_data(
        kind.value, first.as_tuple(), first_signature, second.as_tuple(), second_signature
    )
