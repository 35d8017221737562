"""Payments and disputes on chain, one small function for each thing people do.

What the oracle's own officers do is a `ContractCall`, for the sender to make. What people do is
sent with their key, and returns only when the transaction is mined. Raises: ContractReverted with
the contract's own error, ChainTimeout, ChainError. Amounts are in the token's smallest unit, hashes
32 bytes, accounts 20; the zero account as a token is ether.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from oracle.chain.contracts.consumer import transact
from oracle.chain.core.abis import contract
from oracle.chain.core.report import ZERO_ADDRESS, Outcome
from oracle.chain.core.wire import BlockId, Receipt, address_bytes, blob, hexed
from oracle.chain.errors import ChainError, EndpointInconsistent, InvalidReport
from oracle.chain.keys.signer import Signer
from oracle.chain.rpc.client import ChainClient

ETHER = ZERO_ADDRESS
# Solidity name of each contract, and the field of the deployment that says where it is.
SPLITTER = ("RevenueSplitter", "revenue_splitter")
DISPUTES = ("PoCDisputes", "disputes")
VAULT = ("BonusVault", "bonus_vault")
GUARD = ("FraudGuard", "fraud_guard")
LINKS = ("AccountLinks", "account_links")


class DisputeStatus(IntEnum):
    """Stage of a dispute, as the contract numbers it."""

    NONE = 0
    OPEN = 1
    RULED = 2
    CLOSED = 3


class FreezeStatus(IntEnum):
    """Stage of a fraud freeze as of now, as the contract numbers it."""

    NONE = 0
    FROZEN = 1
    APPEALED = 2
    UPHELD = 3
    RELEASED = 4
    EXPIRED = 5


@dataclass(frozen=True, slots=True)
class Bonus:
    """A payment to a post before it was divided, in smallest units; `grade` is 1 (A) to 5 (F)."""

    base_pay: int
    bonus: int
    grade: int


@dataclass(frozen=True, slots=True)
class Split:
    """What became of a payment to a post; `to_original + to_poster` is its owner's gross share."""

    to_original: int
    to_poster: int
    contested: bool  # the original's part waits until the result is final
    frozen: bool  # the poster's part waits for a fraud alert


@dataclass(frozen=True, slots=True)
class DisputeView:
    """A dispute as the contract keeps it."""

    post_id: bytes
    status: DisputeStatus
    round: int
    disputed: Outcome
    standing: Outcome
    answered: bool
    owner: bytes
    beneficiary: bytes  # who made the original; the zero account if nobody is known
    bond_wei: int
    answer_until: int
    rule_until: int
    appeal_until: int
    # until then the arbiter waits for the oracle's second look; 0 once it is here, or without one
    review_until: int
    reviewed: Outcome  # what the second look said; NONE until it is here


@dataclass(frozen=True, slots=True)
class ContractCall:
    """A call as it is sent: the contract by its name in the deployment, selector and arguments."""

    contract: str
    data: bytes


# Payments and withdrawals


def tip(
    client: ChainClient, account: Signer, post_id: bytes, amount: int, *, token: bytes = ETHER
) -> Split:
    """Tip a post; an ERC-20 must be allowed and approved."""
    receipt = _send(
        client,
        account,
        SPLITTER,
        "tip",
        post_id,
        hexed(token),
        amount,
        value_wei=_value(token, amount),
    )
    return read_split(client, receipt)


def credit_bonus(
    post_id: bytes, period: bytes, base_pay: int, grade: int, *, token: bytes = ETHER
) -> ContractCall:
    """The paymaster pays a post base pay and the bonus of its grade (1 is A), once for each
    period, from the vault.
    """
    return _call(VAULT, "creditBonus", post_id, period, hexed(token), base_pay, grade)


def fund_vault(client: ChainClient, account: Signer, amount: int, *, token: bytes = ETHER) -> None:
    """Add to what bonuses are paid from."""
    _send(client, account, VAULT, "fund", hexed(token), amount, value_wei=_value(token, amount))


def claimable(
    client: ChainClient, account: bytes, *, token: bytes = ETHER, block: BlockId = "latest"
) -> int:
    """What an account may withdraw from the splitter."""
    where = client.deployment.revenue_splitter
    args = (hexed(account), hexed(token))
    return int(client.read("RevenueSplitter", where, "claimable", *args, block=block))


def contested(client: ChainClient, post_id: bytes, *, token: bytes = ETHER) -> int:
    """What waits for a post's result to be final."""
    return int(_read(client, SPLITTER, "contested", post_id, hexed(token)))


def pay_contested(
    client: ChainClient, account: Signer, post_id: bytes, *, token: bytes = ETHER
) -> None:
    """Pay out what was contested, by the final result. Anyone may."""
    _send(client, account, SPLITTER, "payContested", post_id, hexed(token))


def withdraw(
    client: ChainClient,
    wallet: Signer,
    *,
    of: bytes | None = None,
    to: bytes | None = None,
    token: bytes = ETHER,
) -> int:
    """Fetch all of an account's money in one token; returns the amount.

    Args:
        of: The wallet's own account, or an escrow account that is linked to it. None: its own.
        to: Recipient. None: the wallet.
    """
    args = (hexed(of or wallet.address), hexed(token), hexed(to or wallet.address))
    receipt = _send(client, wallet, SPLITTER, "withdraw", *args)
    return int(_event(client, receipt, SPLITTER, "Withdrawn")["amount"])


# For wallets that are not ours: the calls alone


def withdrawal(account: bytes, token: bytes, to: bytes) -> ContractCall:
    """Fetch all of an account's money in one token, as the wallet that acts for it."""
    return _call(SPLITTER, "withdraw", hexed(account), hexed(token), hexed(to))


def tip_call(post_id: bytes, token: bytes, amount: int) -> ContractCall:
    """Tip a post; ether goes with the call, a token has to be allowed and approved."""
    return _call(SPLITTER, "tip", post_id, hexed(token), amount)


def dispute_call(function: str, *args: object) -> ContractCall:
    """What a side of a dispute or a claim does: open, answer, accept, escalate or claim."""
    return _call(DISPUTES, function, *args)


def next_bond_wei(client: ChainClient, dispute_id: int) -> int:
    """What going on with a dispute costs."""
    return int(
        _read(client, DISPUTES, "bondOf", dispute_id, read_dispute(client, dispute_id).round + 1)
    )


def claim_bond_wei(client: ChainClient, post_id: bytes, claimant: bytes) -> int:
    """What a claim about a post costs this claimant, unless it is upheld."""
    return int(_read(client, DISPUTES, "claimBondOf", post_id, hexed(claimant)))


# Wallets of creators who had none


@dataclass(frozen=True, slots=True)
class Link:
    """What signers attest: a wallet acts for an account, both 20 bytes; until then it can be
    proposed, in Unix seconds.
    """

    account: bytes
    wallet: bytes
    valid_until: int

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Self:
        """Read what a peer sent. Raises: InvalidReport."""
        try:
            account, wallet = blob(body["account"]), blob(body["wallet"])
            valid_until = int(body["valid_until"])
        except (ChainError, KeyError, TypeError, ValueError) as exc:
            raise InvalidReport(f"This is no link: {type(exc).__name__}") from exc
        if len(account) != 20 or len(wallet) != 20 or not 0 < valid_until < 2**64:
            raise InvalidReport("This is no link of an account to a wallet.")
        return cls(account, wallet, valid_until)

    def as_dict(self) -> dict[str, object]:
        """For other signers."""
        return {
            "account": hexed(self.account),
            "wallet": hexed(self.wallet),
            "valid_until": self.valid_until,
        }

    def digest(self, client: ChainClient, epoch: int) -> bytes:
        """What is signed. Raises: ChainError."""
        return link_digest(client, self.account, self.wallet, self.valid_until, epoch)


def link_digest(
    client: ChainClient, account: bytes, wallet: bytes, valid_until: int, signer_epoch: int
) -> bytes:
    """What the oracle's signers sign to attest whose wallet this is."""
    return bytes(
        _read(client, LINKS, "hashLink", hexed(account), hexed(wallet), valid_until, signer_epoch)
    )


def link_account(
    client: ChainClient,
    sender: Signer,
    handle: str,
    wallet: bytes,
    *,
    valid_until: int,
    signer_epoch: int,
    signatures: list[bytes],
) -> None:
    """Propose that a wallet acts for the escrow account of a handle. Anyone may transmit.

    It does so once the link's delay is over and the registrar has completed it (`complete_links`).
    """
    _send(
        client, sender, LINKS, "link", handle, hexed(wallet), valid_until, signer_epoch, signatures
    )


def propose_link(
    handle: str, wallet: bytes, *, valid_until: int, signer_epoch: int, signatures: Sequence[bytes]
) -> ContractCall:
    """The oracle's proposal that a wallet acts for the escrow account of a handle."""
    return _call(LINKS, "link", handle, hexed(wallet), valid_until, signer_epoch, list(signatures))


def complete_link(account: bytes) -> ContractCall:
    """The registrar completes a link whose delay is over."""
    return _call(LINKS, "complete", [hexed(account)])


def complete_links(client: ChainClient, registrar: Signer, accounts: Sequence[bytes]) -> None:
    """Complete links whose delay is over; all of them or none. Raises: ContractReverted."""
    _send(client, registrar, LINKS, "complete", [hexed(account) for account in accounts])


def link_delay_s(client: ChainClient) -> int:
    """How long a proposed link can be vetoed before it can be completed."""
    return int(_read(client, LINKS, "linkDelay"))


def wallet_of(client: ChainClient, account: bytes) -> bytes:
    """Who acts for an account: its linked wallet, else the account itself."""
    return address_bytes(_read(client, LINKS, "walletOf", hexed(account)))


# Disputes


def open_dispute(client: ChainClient, owner: Signer, post_id: bytes, evidence_hash: bytes) -> int:
    """Dispute a provisional result, free, as the post's owner; returns the dispute's id."""
    receipt = _send(client, owner, DISPUTES, "open", post_id, evidence_hash)
    return int(_event(client, receipt, DISPUTES, "DisputeOpened")["disputeId"])


def answer_dispute(
    client: ChainClient, party: Signer, dispute_id: int, statement_hash: bytes
) -> None:
    """Answer, as the other party."""
    _send(client, party, DISPUTES, "answer", dispute_id, statement_hash)


def rule(
    client: ChainClient, arbiter: Signer, dispute_id: int, outcome: Outcome, reason_hash: bytes
) -> None:
    """Decide a dispute: the disputed outcome stays, or the post is original or licensed."""
    _send(client, arbiter, DISPUTES, "rule", dispute_id, int(outcome), reason_hash)


def accept_ruling(client: ChainClient, loser: Signer, dispute_id: int) -> None:
    """Accept a ruling, as the side that lost, so that nobody waits for the time to appeal to
    pass.
    """
    _send(client, loser, DISPUTES, "accept", dispute_id)


def escalate(client: ChainClient, loser: Signer, dispute_id: int, evidence_hash: bytes) -> None:
    """Go on to the next round, as the side that lost, with the bond it costs."""
    bond_wei = int(
        _read(client, DISPUTES, "bondOf", dispute_id, read_dispute(client, dispute_id).round + 1)
    )
    _send(client, loser, DISPUTES, "escalate", dispute_id, evidence_hash, value_wei=bond_wei)


def settle(client: ChainClient, account: Signer, dispute_id: int) -> None:
    """End a dispute whose time is over. Anyone may."""
    _send(client, account, DISPUTES, "settle", dispute_id)


def read_dispute(client: ChainClient, dispute_id: int) -> DisputeView:
    """The dispute as of now; status NONE if there is none."""
    name, where = DISPUTES
    kept = client.read_struct(name, getattr(client.deployment, where), "disputeOf", dispute_id)
    return DisputeView(
        post_id=kept["postId"],
        status=DisputeStatus(kept["status"]),
        round=kept["round"],
        disputed=Outcome(kept["disputed"]),
        standing=Outcome(kept["standing"]),
        answered=kept["answered"],
        owner=address_bytes(kept["owner"]),
        beneficiary=address_bytes(kept["beneficiary"]),
        bond_wei=kept["bondWei"],
        answer_until=kept["answerUntil"],
        rule_until=kept["ruleUntil"],
        appeal_until=kept["appealUntil"],
        review_until=kept["reviewUntil"],
        reviewed=Outcome(kept["reviewed"]),
    )


# Fraud freezes


def freeze_account(
    account: bytes, alert_id: bytes, statement_hash: bytes, until: int
) -> ContractCall:
    """The fraud officer freezes an account's withdrawals until a Unix time at most 30 days
    ahead.
    """
    return _call(GUARD, "freezeAccount", hexed(account), alert_id, statement_hash, until)


def freeze_post(post_id: bytes, alert_id: bytes, statement_hash: bytes, until: int) -> ContractCall:
    """The fraud officer freezes what a post earns from now on, until a Unix time at most 30 days
    ahead.
    """
    return _call(GUARD, "freezePost", post_id, alert_id, statement_hash, until)


def appeal_freeze(
    client: ChainClient, creator: Signer, alert_id: bytes, appeal_hash: bytes
) -> None:
    """Appeal, free, as the one whose money waits."""
    _send(client, creator, GUARD, "appeal", alert_id, appeal_hash)


def resolve_freeze(
    alert_id: bytes, *, upheld: bool, reason_hash: bytes, until: int = 0
) -> ContractCall:
    """The arbiter decides an alert; `until` is the end date of an upheld one."""
    return _call(GUARD, "resolve", alert_id, upheld, until, reason_hash)


def freeze_status(client: ChainClient, alert_id: bytes) -> FreezeStatus:
    """Where an alert stands now."""
    return FreezeStatus(_read(client, GUARD, "statusOf", alert_id))


def make(
    client: ChainClient, account: Signer, call: ContractCall, *, value_wei: int = 0
) -> Receipt:
    """Make a call with a key that is at hand, and wait until it is mined; not for the oracle's
    own keys.
    """
    return transact(
        client, account, _address(client, call.contract), call.data, value_wei=value_wei
    )


def read_split(client: ChainClient, receipt: Receipt) -> Split:
    """How the contract divided a payment to a post.

    Raises: EndpointInconsistent if the receipt holds none.
    """
    args = _event(client, receipt, SPLITTER, "RevenueSplit")
    return Split(args["toOriginal"], args["toPoster"], args["contested"], args["frozen"])


def read_bonus(client: ChainClient, receipt: Receipt) -> Bonus:
    """What the contract paid a post for a period, and by which grade.

    Raises: EndpointInconsistent if the receipt holds none.
    """
    args = _event(client, receipt, VAULT, "BonusCredited")
    return Bonus(args["basePay"], args["bonus"], args["grade"])


def _call(target: tuple[str, str], function: str, *args: object) -> ContractCall:
    name, where = target
    return ContractCall(where, contract(name).call_data(function, *args))


def _send(
    client: ChainClient,
    account: Signer,
    target: tuple[str, str],
    function: str,
    *args: object,
    value_wei: int = 0,
) -> Receipt:
    return make(client, account, _call(target, function, *args), value_wei=value_wei)


def _address(client: ChainClient, where: str) -> bytes:
    return address_bytes(client.deployment.addresses()[where])


def _read(client: ChainClient, target: tuple[str, str], function: str, *args: object) -> Any:
    name, where = target
    return client.read(name, getattr(client.deployment, where), function, *args)


def _event(
    client: ChainClient, receipt: Receipt, target: tuple[str, str], event: str
) -> dict[str, Any]:
    name, where = target
    abi, address = contract(name), address_bytes(getattr(client.deployment, where))
    for entry in receipt.logs:
        if entry.address == address and entry.topics[0] == abi.topic(event):
            return abi.event(event, entry.topics, entry.data)
    raise EndpointInconsistent(
        f"The receipt holds no {event} of {name}, though the transaction succeeded."
    )


def _value(token: bytes, amount: int) -> int:
    return amount if token == ETHER else 0
