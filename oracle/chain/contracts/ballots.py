"""The community's vote on disputes, one small function for each thing people do.

It rules where it was given the arbiter's role; elsewhere a ballot decides nothing and every stake
comes back. Raises what `economy` raises.
"""

from dataclasses import dataclass

from oracle.chain.contracts.consumer import transact
from oracle.chain.core.abis import contract
from oracle.chain.core.report import ZERO_ADDRESS, Outcome
from oracle.chain.core.wire import Receipt, address_bytes, hexed
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient

NAME = "CommunityVote"
UNIT_WEI = 10**15  # of the contract; a vote stakes 1 to 100 of them


@dataclass(frozen=True, slots=True)
class Ballot:
    """A ballot as the contract keeps it.

    Stakes in wei; once it ruled, what is still to be paid out of them.
    """

    dispute_id: int
    round: int
    proposed: Outcome
    closes_at: int
    closed: bool
    ruled: bool
    overturned: bool
    keep_wei: int
    overturn_wei: int


def open_ballot(
    client: ChainClient, account: Signer, dispute_id: int, proposed: Outcome, statement_hash: bytes
) -> int:
    """Open the ballot on the present round of an open dispute: keep the result, or make it
    `proposed` (original or licensed). Anyone may, once a round. Returns the ballot's id.
    """
    receipt = _send(client, account, "open", dispute_id, int(proposed), statement_hash)
    abi = contract(NAME)
    (entry,) = [entry for entry in receipt.logs if entry.topics[0] == abi.topic("BallotOpened")]
    return int(abi.event("BallotOpened", entry.topics, entry.data)["ballotId"])


def vote(client: ChainClient, voter: Signer, ballot_id: int, *, overturn: bool, units: int) -> None:
    """Vote once, staking `units` of UNIT_WEI."""
    _send(client, voter, "vote", ballot_id, overturn, units, value_wei=units * UNIT_WEI)


def close_ballot(client: ChainClient, account: Signer, ballot_id: int) -> None:
    """End a ballot whose time is over, and rule by it. Anyone may."""
    _send(client, account, "close", ballot_id)


def pay_stake(client: ChainClient, account: Signer, ballot_id: int, voter: bytes) -> None:
    """Credit a voter's stake, and the share of the others' if it won. Anyone may."""
    _send(client, account, "pay", ballot_id, hexed(voter))


def withdraw_stakes(client: ChainClient, voter: Signer) -> None:
    """Fetch all that was credited to a voter."""
    _send(
        client, voter, "withdraw", hexed(voter.address), hexed(ZERO_ADDRESS), hexed(voter.address)
    )


def read_ballot(client: ChainClient, ballot_id: int) -> Ballot:
    """The ballot as of now; all zero if there is none."""
    kept = client.read_struct(NAME, client.deployment.community_vote, "ballotOf", ballot_id)
    return Ballot(
        dispute_id=kept["disputeId"],
        round=kept["round"],
        proposed=Outcome(kept["proposed"]),
        closes_at=kept["closesAt"],
        closed=kept["closed"],
        ruled=kept["ruled"],
        overturned=kept["overturned"],
        keep_wei=kept["keep"],
        overturn_wei=kept["overturn"],
    )


def _send(
    client: ChainClient, account: Signer, function: str, *args: object, value_wei: int = 0
) -> Receipt:
    to = address_bytes(client.deployment.community_vote)
    return transact(
        client, account, to, contract(NAME).call_data(function, *args), value_wei=value_wei
    )
