"""Bodies and answers of wallets: challenges, links, and transactions that creators sign."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from oracle.api.schemas.fraud import Body
from oracle.payouts.wallet_transactions import Wish
from storage.ledger.wallets import WalletLink, WalletTransaction

ADDRESS = Field(pattern=r"^0[xX][0-9a-fA-F]{40}$")
HASH = r"^0x[0-9a-fA-F]{64}$"


class ChallengeRequest(Body):
    """Which wallet is to act for the creator's account."""

    wallet: str = ADDRESS
    creator: str | None = None


class Challenge(BaseModel):
    """What the wallet signs, as it stands (EIP-191, `personal_sign`)."""

    message: str = Field(description="Text of EIP-4361; the nonce can be used once.")
    expires_at: datetime


class SignedLink(Body):
    """A signed challenge."""

    message: str = Field(max_length=4000)
    signature: str = Field(
        pattern=r"^0x([0-9a-fA-F]{2}){65,2048}$",
        description="Of the message's text (EIP-191); a wallet that is a contract is asked itself"
        " (EIP-1271).",
    )
    creator: str | None = None


class LinkOnWord(Body):
    """A link on a platform's or an operator's word."""

    creator: str
    wallet: str = ADDRESS
    note: str = Field(
        min_length=10, max_length=2000, description="What that word rests on; kept with the link."
    )


class LinkView(BaseModel):
    """A wallet that acts for an account, or is about to."""

    id: UUID
    account: str
    name: str = Field(description="The name that the account follows from.")
    wallet: str
    proof: Literal["signature", "platform", "operator"]
    status: str = Field(
        description="claimed, attesting, proposed (it can be seen coming until `ready_at`),"
        " completing, linked; vetoed or refused."
    )
    ready_at: datetime | None
    error: str | None
    asked_at: datetime


class TransactionRequest(Body):
    """What a creator wants to do with a wallet of their own."""

    kind: Literal[
        "withdraw",
        "tip",
        "open_dispute",
        "answer_dispute",
        "accept_ruling",
        "escalate",
        "claim_copy",
    ]
    creator: str | None = None
    post_id: str | None = Field(default=None, pattern=HASH)
    original_post_id: str | None = Field(default=None, pattern=HASH)
    dispute_id: int | None = Field(default=None, ge=1, lt=2**256)
    amount: int | None = Field(
        default=None, ge=1, lt=2**256, description="In the token's smallest units."
    )
    token: str | None = Field(default=None, description="The chain's own coin if left out.")
    to: str | None = Field(default=None, description="Of a withdrawal; the wallet if left out.")
    account: str | None = Field(default=None, description="Where the creator has several.")
    statement: str | None = Field(
        default=None, max_length=10_000, description="Its SHA-256 goes on chain."
    )

    def wish(self) -> Wish:
        return Wish(
            kind=self.kind,
            post_id=_bytes(self.post_id),
            original_post_id=_bytes(self.original_post_id),
            dispute_id=self.dispute_id,
            amount=self.amount,
            token=_bytes(self.token) or bytes(20),
            to=_bytes(self.to),
            account=_bytes(self.account),
            statement=self.statement,
        )


class Sent(Body):
    """By which hash a transaction was sent."""

    tx_hash: str = Field(pattern=HASH)


class TransactionView(BaseModel):
    """A transaction to sign, in the fields of `eth_sendTransaction`, and what became of it."""

    id: UUID
    kind: str
    status: str = Field(
        description="prepared, sent, included, final; reverted; other: the hash named is another"
        " transaction."
    )
    from_: str | None = Field(serialization_alias="from")
    to: str
    data: str
    value: str
    chain_id: int = Field(serialization_alias="chainId")
    tx_hash: str | None
    block_number: int | None


def link_view(link: WalletLink) -> LinkView:
    """Build the API's view of a link."""
    return LinkView(
        id=link.id,
        account="0x" + bytes(link.account).hex(),
        name=link.name,
        wallet="0x" + bytes(link.wallet).hex(),
        proof=link.proof,  # type: ignore[arg-type]
        status=link.status,
        ready_at=link.ready_at,
        error=link.error,
        asked_at=link.asked_at,
    )


def transaction_view(prepared: WalletTransaction) -> TransactionView:
    """Build the API's view of a transaction."""
    return TransactionView(
        id=prepared.id,
        kind=prepared.kind,
        status=prepared.status,
        from_="0x" + bytes(prepared.wallet).hex() if prepared.wallet else None,
        to="0x" + bytes(prepared.to_address).hex(),
        data="0x" + bytes(prepared.call_data).hex(),
        value=hex(prepared.value_wei),
        chain_id=prepared.chain_id,
        tx_hash="0x" + bytes(prepared.tx_hash).hex() if prepared.tx_hash else None,
        block_number=prepared.block_number,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text[2:])
