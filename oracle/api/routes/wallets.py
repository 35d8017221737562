"""Wallets: whose they are, and the transactions that creators sign with them."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request

from oracle.api.access import Caller, Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.parties import acting_creator, actor_of, check_own_key, own_creator
from oracle.api.schemas.wallets import (
    Challenge,
    ChallengeRequest,
    LinkOnWord,
    LinkView,
    Sent,
    SignedLink,
    TransactionRequest,
    TransactionView,
    link_view,
    transaction_view,
)
from oracle.api.services import ServicesDep
from oracle.chain.core.ids import parse_account
from oracle.errors import ConfigurationError, NotAllowed
from oracle.payouts import wallet_transactions, wallets
from storage.errors import NotFound
from storage.ledger import wallets as stored
from storage.ledger.wallets import WalletTransaction
from storage.works import creators, policies

router = APIRouter(route_class=BoundedRoute, tags=["wallets"])


@router.post("/v1/wallets/challenge", summary="What your wallet has to sign to be linked")
def challenge(
    request: Request, services: ServicesDep, caller: Reader, body: ChallengeRequest
) -> Challenge:
    check_own_key(caller)
    wallet = _account(body.wallet)
    with services.db.transaction() as conn:
        bound = policies.find_binding(conn)
        if bound is None:
            raise ConfigurationError("No contracts are bound yet; the node does that at its start.")
        message = wallets.challenge(
            conn,
            own_creator(caller, body.creator),
            wallet,
            domain=request.url.netloc,
            uri=str(request.url),
            chain_id=bound.chain_id,
            now=datetime.now(UTC),
        )
    assert message.expires_at is not None
    return Challenge(message=message.text(), expires_at=message.expires_at)


@router.post("/v1/wallets", status_code=201, summary="Link the wallet that signed the challenge")
def link(services: ServicesDep, caller: Reader, body: SignedLink) -> list[LinkView]:
    check_own_key(caller)
    creator_id = own_creator(caller, body.creator)
    wallets.link_by_signature(
        services.db,
        creator_id,
        body.message,
        bytes.fromhex(body.signature[2:]),
        chain=services.chain,
        actor=actor_of(caller),
        now=datetime.now(UTC),
    )
    with services.db.transaction() as conn:
        return [link_view(each) for each in stored.links_of(conn, creator_id)]


@router.post(
    "/v1/wallets/word",
    status_code=201,
    summary="Link a creator's wallet on a platform's or an operator's word",
)
def link_on_word(services: ServicesDep, caller: Governor, body: LinkOnWord) -> list[LinkView]:
    with services.db.transaction() as conn:
        creator_id = creators.find_creator(conn, body.creator)
        if creator_id is None:
            raise NotFound(f"There is no creator {body.creator}.")
        wallets.link_by_word(
            conn,
            creator_id,
            _account(body.wallet),
            proof="operator" if caller.key_id is None else "platform",
            note=body.note,
            actor=actor_of(caller),
            now=datetime.now(UTC),
        )
        return [link_view(each) for each in stored.links_of(conn, creator_id)]


@router.get("/v1/wallets", summary="The wallets of a creator, and how far each link is")
def list_links(services: ServicesDep, caller: Reader, creator: str | None = None) -> list[LinkView]:
    with services.db.transaction() as conn:
        creator_id = acting_creator(conn, caller, creator)
        return [link_view(each) for each in stored.links_of(conn, creator_id)]


@router.post(
    "/v1/transactions", status_code=201, summary="A transaction for your own wallet to sign"
)
def prepare(services: ServicesDep, caller: Reader, body: TransactionRequest) -> TransactionView:
    client = services.chain()
    with services.db.transaction() as conn:
        prepared = wallet_transactions.prepare(
            conn,
            client,
            body.wish(),
            creator_id=acting_creator(conn, caller, body.creator),
            actor=actor_of(caller),
            now=datetime.now(UTC),
        )
    return transaction_view(prepared)


@router.post("/v1/transactions/{transaction_id}/sent", summary="Say by which hash you sent it")
def note_sent(
    services: ServicesDep, caller: Reader, transaction_id: UUID, body: Sent
) -> TransactionView:
    with services.db.transaction() as conn:
        known = stored.get_transaction(conn, transaction_id)
        check_own_transaction(caller, known)
        tx_hash = bytes.fromhex(body.tx_hash[2:])
        wallet_transactions.note_sent(conn, transaction_id, tx_hash, datetime.now(UTC))
        return transaction_view(stored.get_transaction(conn, transaction_id))


@router.get("/v1/transactions/{transaction_id}", summary="What became of it")
def get_transaction(services: ServicesDep, caller: Reader, transaction_id: UUID) -> TransactionView:
    with services.db.transaction() as conn:
        known = stored.get_transaction(conn, transaction_id)
        check_own_transaction(caller, known)
        return transaction_view(known)


def check_own_transaction(caller: Caller, known: WalletTransaction) -> None:
    """Check that a transaction is the caller's, or an officer's that they may see to.

    Raises: NotAllowed.
    """
    staff = caller.creator_id is None and caller.may("fraud" if known.creator_id else "govern")
    mine = caller.creator_id is not None and caller.creator_id == known.creator_id
    if not (mine or staff):
        raise NotAllowed("This transaction is another creator's, or an officer's.")


def _account(text: str) -> bytes:
    account = parse_account(text)
    assert account is not None  # the schema takes nothing else
    return account
