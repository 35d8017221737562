"""Transactions that creators sign with wallets of their own: prepared here, followed to finality.

The oracle has no key of theirs. It writes the call, they sign and send it, and say by which hash.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

import structlog

from oracle.chain.contracts import payments
from oracle.chain.contracts.effects import operation_of, was_done
from oracle.chain.contracts.payments import ETHER, ContractCall
from oracle.chain.core.wire import Header, Receipt, address_bytes
from oracle.chain.rpc.client import ChainClient
from oracle.errors import Conflict, OracleError
from storage.database import Connection, Database
from storage.ledger import wallets
from storage.ledger.wallets import WalletTransaction
from storage.works import creators

log = structlog.get_logger()
T = TypeVar("T")

BATCH = 50
# Of these the words are kept; their hash is on chain.
WITH_WORDS = ("open_dispute", "answer_dispute", "escalate", "claim_copy")
KINDS = (
    "withdraw",
    "tip",
    "open_dispute",
    "answer_dispute",
    "accept_ruling",
    "escalate",
    "claim_copy",
)


class MissingField(OracleError):
    """This kind of transaction needs another field."""

    code = "missing_field"


class NotLinkedYet(Conflict):
    """No wallet acts for this creator's account yet: link one first."""

    code = "not_linked"


class AlreadySent(Conflict):
    """This transaction is in a block already."""

    code = "already_sent"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a creator wants to do; which fields it takes depends on the kind.

    Attributes:
        account: Of a withdrawal, whose money it is, where the creator has several; 20 bytes.
        statement: Its hash goes on chain; the words stay here, for both sides and reviewers.
    """

    kind: str
    post_id: bytes | None = None
    original_post_id: bytes | None = None
    dispute_id: int | None = None
    amount: int | None = None
    token: bytes = ETHER
    to: bytes | None = None
    account: bytes | None = None
    statement: str | None = None


def prepare(
    conn: Connection, client: ChainClient, wish: Wish, *, creator_id: int, actor: str, now: datetime
) -> WalletTransaction:
    """Write the transaction that does what is wished, for the creator's wallet to sign.

    Raises: MissingField, NotLinkedYet, ChainError.
    """
    wallet, account = _wallet_of(conn, client, creator_id, wish.account)
    call, value_wei = _call(client, wish, wallet, account)
    return write(
        conn,
        client,
        call,
        kind=wish.kind,
        wallet=wallet,
        value_wei=value_wei,
        creator_id=creator_id,
        statement=wish.statement if wish.kind in WITH_WORDS else None,
        actor=actor,
        now=now,
    )


def write(
    conn: Connection,
    client: ChainClient,
    call: ContractCall,
    *,
    kind: str,
    wallet: bytes,
    value_wei: int = 0,
    creator_id: int | None = None,
    statement: str | None = None,
    actor: str,
    now: datetime,
) -> WalletTransaction:
    """Write down a call that a wallet (20 bytes) is to sign; it is followed once it was sent.

    Args: creator_id: None where an officer signs it. statement: words whose hash the call has.
    """
    operation_id, awaits = operation_of(call.contract, call.data, wallet) or (None, None)
    prepared = WalletTransaction(
        id=uuid4(),
        creator_id=creator_id,
        kind=kind,
        wallet=wallet,
        chain_id=client.chain_id,
        to_address=address_bytes(client.deployment.addresses()[call.contract]),
        call_data=call.data,
        value_wei=value_wei,
        prepared_by=actor,
        prepared_at=now,
        tx_hash=None,
        status="prepared",
        block_number=None,
        statement=statement,
        operation_id=operation_id,
        awaits=awaits,
        since_block=client.head().number,
    )
    wallets.add_transaction(conn, prepared)
    return prepared


def note_sent(conn: Connection, transaction_id: UUID, tx_hash: bytes, now: datetime) -> None:
    """Note by which hash a prepared transaction was sent; it is followed from now on.

    Raises: NotFound, AlreadySent, TransactionKnown.
    """
    known = wallets.get_transaction(conn, transaction_id)
    if known.status in ("included", "final", "reverted") and known.tx_hash != tx_hash:
        raise AlreadySent
    if known.tx_hash != tx_hash:
        wallets.note_sent(conn, transaction_id, tx_hash, now)


def follow(db: Database, client: ChainClient, finalized: Header, now: datetime) -> int:
    """Follow what was sent. Returns: how many became final.

    An operation of officers is found by its id where nobody said by which hash it was sent: a
    multisig's members know the hash of what they signed, not of what was mined.

    Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        for transaction_id, tx_hash in wallets.done_by_others(conn, BATCH):
            with contextlib.suppress(wallets.TransactionKnown):  # the same was written twice
                wallets.note_sent(conn, transaction_id, tx_hash, now)
        waiting = wallets.sent(conn, BATCH)
    final = 0
    for sent in waiting:
        assert sent.tx_hash is not None
        receipt = client.find_receipt(sent.tx_hash)
        if receipt is None:
            status, block = "sent", None
        elif not _is_ours(client, sent, receipt):
            status, block = "other", None
        else:
            block = receipt.block_number
            canonical = client.find_header(block)
            safe = canonical is not None and canonical.hash == receipt.block_hash
            done = "final" if receipt.succeeded else "reverted"
            status = done if safe and block <= finalized.number else "included"
        with db.transaction() as conn:
            wallets.move_transaction(conn, sent.id, status, block, now)
        final += status == "final"
        if status in ("final", "reverted", "other"):
            log.info("wallet.transaction", id=str(sent.id), kind=sent.kind, status=status)
    return final


def _is_ours(client: ChainClient, sent: WalletTransaction, receipt: Receipt) -> bool:
    """Whether the transaction of that hash does what was prepared, itself or from within."""
    assert sent.tx_hash is not None
    found = client.find_transaction(sent.tx_hash)
    if found is not None and (found.to, found.data, found.value_wei) == (
        sent.to_address,
        sent.call_data,
        sent.value_wei,
    ):
        return True
    names = {address_bytes(one): name for name, one in client.deployment.addresses().items()}
    where = names.get(bytes(sent.to_address))
    return where is not None and was_done(
        where, bytes(sent.to_address), bytes(sent.call_data), sent.wallet, receipt.logs
    )


def _wallet_of(
    conn: Connection, client: ChainClient, creator_id: int, account: bytes | None
) -> tuple[bytes, bytes]:
    """The wallet that acts for an account of the creator, and that account.

    Raises: NotLinkedYet, MissingField.
    """
    accounts = creators.accounts_of(conn, creator_id)
    mine = [each for each in accounts if account in (None, each.account)]
    if not mine:
        raise MissingField("That account is none of this creator's.")
    wallet = payments.wallet_of(client, mine[0].account)
    if mine[0].name is not None and wallet == mine[0].account:
        raise NotLinkedYet
    return wallet, mine[0].account


def _call(
    client: ChainClient, wish: Wish, wallet: bytes, account: bytes
) -> tuple[ContractCall, int]:
    """The call, and the wei that go with it. Raises: MissingField, ChainError."""
    match wish.kind:
        case "withdraw":
            return payments.withdrawal(account, wish.token, wish.to or wallet), 0
        case "tip":
            post, amount = _need(wish.post_id, "post_id"), _need(wish.amount, "amount")
            value = amount if wish.token == ETHER else 0
            return payments.tip_call(post, wish.token, amount), value
        case "open_dispute":
            post = _need(wish.post_id, "post_id")
            return payments.dispute_call("open", post, _digest(wish)), 0
        case "answer_dispute":
            number = _need(wish.dispute_id, "dispute_id")
            return payments.dispute_call("answer", number, _digest(wish)), 0
        case "accept_ruling":
            return payments.dispute_call("accept", _need(wish.dispute_id, "dispute_id")), 0
        case "escalate":
            number = _need(wish.dispute_id, "dispute_id")
            bond = payments.next_bond_wei(client, number)
            return payments.dispute_call("escalate", number, _digest(wish)), bond
        case "claim_copy":
            post = _need(wish.post_id, "post_id")
            original = _need(wish.original_post_id, "original_post_id")
            bond = payments.claim_bond_wei(client, post, account)
            return payments.dispute_call("claim", post, original, _digest(wish)), bond
    raise MissingField(f"'{wish.kind}' is no kind of transaction; use one of {', '.join(KINDS)}.")


def _digest(wish: Wish) -> bytes:
    return hashlib.sha256(_need(wish.statement, "statement").encode()).digest()


def _need(value: T | None, name: str) -> T:
    if value is None:
        raise MissingField(f"Set '{name}' as well.")
    return value
