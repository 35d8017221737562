"""Pages of a creator's own wallet, and of one transaction from its signature to its final block."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from oracle.api.access import Caller, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.pages.rendering import show
from oracle.api.parties import actor_of, own_creator
from oracle.api.routes import wallets as routes
from oracle.api.schemas.wallets import (
    Challenge,
    ChallengeRequest,
    Sent,
    SignedLink,
    TransactionRequest,
)
from oracle.api.services import Services, ServicesDep
from oracle.chain.contracts import payments
from oracle.chain.contracts.governance import in_words
from oracle.chain.contracts.payments import ETHER
from oracle.chain.core.wire import hexed
from storage.ledger import wallets as stored
from storage.works import creators

router = APIRouter(route_class=BoundedRoute, include_in_schema=False)

DISPUTES = (
    (
        "open_dispute",
        "Open a dispute about your post",
        ("post_id", "statement"),
        "It is free, while the result is not final.",
    ),
    (
        "answer_dispute",
        "Answer a dispute, as the other side",
        ("dispute_id", "statement"),
        "An arbiter reads both sides.",
    ),
    (
        "accept_ruling",
        "Accept a ruling that you lost",
        ("dispute_id",),
        "Nobody waits for the time to appeal to pass.",
    ),
    (
        "escalate",
        "Go on to the next round",
        ("dispute_id", "statement"),
        "It takes a bond, which goes with the transaction.",
    ),
    (
        "claim_copy",
        "Claim that a post copies yours",
        ("copy_id", "statement"),
        "It takes a bond, which comes back if the claim is upheld.",
    ),
)
Hash = Annotated[str, Form(pattern=r"^(0x[0-9a-fA-F]{64})?$")]
Number = Annotated[str, Form(pattern=r"^([1-9][0-9]{0,75})?$")]


@dataclass(frozen=True)
class AccountRow:
    """An account of a creator on the page; what it may withdraw in the asset's smallest units."""

    account: str
    name: str | None
    wallet: str | None
    claimable: int


@router.get("/wallets", response_class=HTMLResponse)
def wallets_page(services: ServicesDep, caller: Reader) -> str:
    return _page(services, caller, None, "")


@router.post("/wallets/challenge", response_class=HTMLResponse)
def challenge_form(
    request: Request,
    services: ServicesDep,
    caller: Reader,
    wallet: Annotated[str, Form(pattern=r"^0x[0-9a-fA-F]{40}$")],
) -> str:
    """Answer with a page: what is to be signed can be used once."""
    asked = routes.challenge(request, services, caller, ChallengeRequest(wallet=wallet))
    return _page(services, caller, asked, wallet)


@router.post("/wallets/link")
def link_form(
    services: ServicesDep,
    caller: Reader,
    message: Annotated[str, Form(max_length=4_000)],
    signature: Annotated[str, Form(pattern=r"^0x([0-9a-fA-F]{2}){65,1999}$")],
) -> RedirectResponse:
    # Browsers send the lines of a form with CR LF; what was signed has LF.
    signed = SignedLink(message=message.replace("\r\n", "\n"), signature=signature)
    routes.link(services, caller, signed)
    return RedirectResponse("/wallets", status_code=303)


@router.post("/wallets/transactions")
def prepare_form(
    services: ServicesDep,
    caller: Reader,
    kind: Annotated[
        Literal[
            "withdraw",
            "tip",
            "open_dispute",
            "answer_dispute",
            "accept_ruling",
            "escalate",
            "claim_copy",
        ],
        Form(),
    ],
    account: Annotated[str, Form(pattern=r"^(0x[0-9a-fA-F]{40})?$")] = "",
    post_id: Hash = "",
    original_post_id: Hash = "",
    dispute_id: Number = "",
    amount: Number = "",
    statement: Annotated[str, Form(max_length=10_000)] = "",
) -> RedirectResponse:
    own_creator(caller, None)
    token = services.payout_asset.token
    body = TransactionRequest(
        kind=kind,
        account=account or None,
        post_id=post_id or None,
        original_post_id=original_post_id or None,
        dispute_id=int(dispute_id) if dispute_id else None,
        amount=int(amount) if amount else None,
        token=hexed(token) if kind == "withdraw" and token != ETHER else None,
        statement=statement or None,
    )
    prepared = routes.prepare(services, caller, body)
    return RedirectResponse(f"/transactions/{prepared.id}", status_code=303)


@router.get("/transactions/{transaction_id}", response_class=HTMLResponse)
def transaction_page(services: ServicesDep, caller: Reader, transaction_id: UUID) -> str:
    view = routes.get_transaction(services, caller, transaction_id)
    with services.db.transaction() as conn:
        kept = stored.get_transaction(conn, transaction_id)
    return show(
        "transaction.html",
        caller,
        tx=view,
        value=kept.value_wei,
        statement=kept.statement,
        words=in_words(services.chain(), view.to, bytes(kept.call_data)),
    )


@router.post("/transactions/{transaction_id}/sent")
def sent_form(
    services: ServicesDep,
    caller: Reader,
    transaction_id: UUID,
    tx_hash: Annotated[str, Form(pattern=r"^0x[0-9a-fA-F]{64}$")],
) -> RedirectResponse:
    routes.note_sent(services, caller, transaction_id, Sent(tx_hash=tx_hash))
    return RedirectResponse(f"/transactions/{transaction_id}", status_code=303)


def _page(services: Services, caller: Caller, challenge: Challenge | None, wallet: str) -> str:
    creator_id, client = own_creator(caller, None), services.chain()
    asset = services.payout_asset
    with services.db.transaction() as conn:
        accounts = creators.accounts_of(conn, creator_id)
        # Of what others wrote for this wallet, they have to say themselves.
        written = stored.transactions_of(conn, creator_id)
    sent = [one for one in written if one.prepared_by == actor_of(caller)]
    rows = []
    for one in accounts:
        acts = payments.wallet_of(client, one.account)
        linked = one.name is None or acts != one.account
        claimable = payments.claimable(client, one.account, token=asset.token)
        rows.append(
            AccountRow(hexed(one.account), one.name, hexed(acts) if linked else None, claimable)
        )
    return show(
        "wallets.html",
        caller,
        accounts=rows,
        unit="wei" if asset.token == ETHER else f"units of {hexed(asset.token)}",
        links=routes.list_links(services, caller),
        challenge=challenge,
        wallet=wallet,
        chain_id=client.chain_id,
        may_link=not caller.by_link and any(row.wallet is None for row in rows),
        disputes=DISPUTES,
        sent=sent,
    )
