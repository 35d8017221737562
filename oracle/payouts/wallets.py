"""Wallets for creators who had none: proof, attestation by the signers, the delay, the registrar.

A creator is paid into an account that follows from the name, and nobody has its key. A wallet acts
for it once somebody proved whose it is (a signed message, a platform's or an operator's word), the
oracle's signers attested it, two days went by in which it can be vetoed, and a registrar agreed.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from oracle.chain.contracts import payments
from oracle.chain.contracts.contract_wallet import has_signed
from oracle.chain.contracts.payments import Link
from oracle.chain.core.ids import checksummed
from oracle.chain.core.sign_in import SignInMessage, parse_sign_in
from oracle.chain.core.wire import Header, hexed
from oracle.chain.errors import InvalidSignature
from oracle.chain.keys.personal import digest_of, signer_of
from oracle.chain.rpc.client import ChainClient
from oracle.errors import Conflict, NotAllowed
from storage.chain import calls, case_events
from storage.database import Connection, Database
from storage.ledger import wallets
from storage.ledger.wallets import WalletLink
from storage.works import creators
from storage.works.creators import Account

log = structlog.get_logger()

Attest = Callable[[Link], Sequence[bytes] | None]
CHALLENGE_FOR = timedelta(minutes=30)
# Longer than any pause of the node; the contract refuses what is older.
ATTESTATION_FOR = timedelta(hours=6)
BATCH = 20
AGAIN_AFTER = timedelta(minutes=10)


class WrongProof(NotAllowed):
    """The message does not show that this wallet is the creator's."""

    code = "wrong_proof"


class HasWallet(Conflict):
    """This creator is paid to a wallet of their own already; there is nothing to link."""

    code = "has_wallet"


class QuorumSigns(Conflict):
    """Several oracles sign here: the creator has to show the proof to enough of them."""

    code = "quorum_signs"


def challenge(
    conn: Connection,
    creator_id: int,
    wallet: bytes,
    *,
    domain: str,
    uri: str,
    chain_id: int,
    now: datetime,
) -> SignInMessage:
    """Write what the wallet has to sign; it can be used once, for half an hour.

    Raises: HasWallet.
    """
    escrow = _escrow_accounts(conn, creator_id)
    handle = creators.get_creator(conn, creator_id).handle
    message = SignInMessage(
        domain=domain,
        address=checksummed(wallet),
        statement=f"I am {handle}. This wallet acts for"
        f" {', '.join(hexed(each.account) for each in escrow)}.",
        uri=uri,
        chain_id=chain_id,
        nonce=secrets.token_hex(12),
        issued_at=now,
        expires_at=now + CHALLENGE_FOR,
    )
    wallets.add_challenge(
        conn,
        message.nonce,
        creator_id=creator_id,
        wallet=wallet,
        message=message.text(),
        expires_at=now + CHALLENGE_FOR,
    )
    return message


def link_by_signature(
    db: Database,
    creator_id: int,
    text: str,
    signature: bytes,
    *,
    chain: Callable[[], ChainClient],
    actor: str,
    now: datetime,
) -> list[UUID]:
    """Claim a creator's escrow accounts for the wallet that signed our message.

    Args: chain: Asked where no key signed: the wallet may be a contract (EIP-1271).
    Returns: a link for each account.
    Raises: InvalidSignInMessage, WrongProof, NotFound, LinkExists, HasWallet, ChainError.
    """
    message = parse_sign_in(text)
    with db.transaction() as conn:
        if wallets.get_challenge(conn, message.nonce, creator_id, now) != text:
            raise WrongProof("That is not the message that was to be signed.")
    # The chain may be slow: it is asked about texts of ours alone, and no connection waits for it.
    if not _is_signed(message.account, text, signature, chain):
        raise WrongProof(f"{message.address} did not sign this message.")
    with db.transaction() as conn:
        wallets.use_challenge(conn, message.nonce, creator_id, now)
        return _add(
            conn, creator_id, message.account, "signature", text, signature, actor=actor, now=now
        )


def _is_signed(
    wallet: bytes, text: str, signature: bytes, chain: Callable[[], ChainClient]
) -> bool:
    try:
        if signer_of(text, signature) == wallet:
            return True
    except InvalidSignature:
        pass  # a contract's may have any length
    return has_signed(chain(), wallet, digest_of(text), signature)


def link_by_word(
    conn: Connection,
    creator_id: int,
    wallet: bytes,
    *,
    proof: str,
    note: str,
    actor: str,
    now: datetime,
) -> list[UUID]:
    """Claim a creator's escrow accounts for a wallet on a platform's or an operator's word.

    Args: note: What that word rests on.
    Returns: a link for each account.
    Raises: LinkExists, HasWallet.
    """
    return _add(conn, creator_id, wallet, proof, note, None, actor=actor, now=now)


def _add(
    conn: Connection,
    creator_id: int,
    wallet: bytes,
    proof: str,
    note: str,
    signature: bytes | None,
    *,
    actor: str,
    now: datetime,
) -> list[UUID]:
    link_ids = []
    for escrow in _escrow_accounts(conn, creator_id):
        link_ids.append(uuid4())
        wallets.add_link(
            conn,
            link_ids[-1],
            creator_id=creator_id,
            account=escrow.account,
            name=escrow.name or escrow.handle,
            wallet=wallet,
            proof=proof,
            note=note,
            signature=signature,
            asked_by=actor,
            now=now,
        )
        log.info("wallet.claimed", link=str(link_ids[-1]), creator=escrow.handle, proof=proof)
    return link_ids


def _escrow_accounts(conn: Connection, creator_id: int) -> list[Account]:
    """The accounts that follow from names of a creator. Raises: HasWallet where there are none."""
    accounts = creators.accounts_of(conn, creator_id)
    escrow = [account for account in accounts if account.name is not None]
    if not escrow:
        raise HasWallet
    return escrow


def attest(db: Database, client: ChainClient, sign: Attest, now: datetime) -> int:
    """Sign what was proven and queue the proposal; for the process that holds the signing key.

    Where several oracles sign, each attests what it was shown itself: until enough were, the link
    says so and waits.

    Args: sign: The signatures on a link, None where they are too few.
    Returns: how many were attested. Raises: ChainError, DatabaseUnavailable.
    """
    with db.transaction() as conn:
        claimed = wallets.links(conn, ["claimed"], BATCH)
    claimed = [
        link
        for link in claimed
        if link.error != QuorumSigns.code or now - link.updated_at >= AGAIN_AFTER
    ]
    if not claimed:
        return 0
    registry = client.deployment.oracle_registry
    epoch = int(client.read("OracleRegistry", registry, "currentEpoch"))
    until = client.head().timestamp + int(ATTESTATION_FOR.total_seconds())
    attested = 0
    for link in claimed:
        signatures = sign(Link(link.account, link.wallet, until))
        with db.transaction() as conn:
            if signatures is None:
                wallets.move_link(conn, link.id, "claimed", now, error=QuorumSigns.code)
                continue
            call = payments.propose_link(
                link.name, link.wallet, valid_until=until, signer_epoch=epoch, signatures=signatures
            )
            attested += 1
            call_id = calls.add(
                conn,
                f"link {link.id} {until}",
                sender="oracle",
                contract=call.contract,
                call_data=call.data,
            )
            wallets.move_link(conn, link.id, "attesting", now, call_id=call_id)
    return attested


def follow(db: Database, head: Header, now: datetime) -> int:
    """Follow links on chain, and have the registrar complete those whose delay is over.

    Returns: how many completions were wanted. Raises: DatabaseUnavailable.
    """
    _follow_events(db, now)
    _follow_calls(db, now)
    with db.transaction() as conn:
        due = [
            link
            for link in wallets.links(conn, ["proposed"], BATCH)
            if link.ready_at
            and link.ready_at.timestamp() <= head.timestamp
            # one that was refused (the day's cap, say) is made again after a while
            and (link.error is None or now - link.updated_at >= AGAIN_AFTER)
        ]
        # One call each: of several in one call a single refusal would refuse all.
        for link in due:
            call = payments.complete_link(link.account)
            call_id = calls.add(
                conn,
                f"complete {link.id} {uuid4().hex[:12]}",
                sender="registrar",
                contract=call.contract,
                call_data=call.data,
            )
            wallets.move_link(conn, link.id, "completing", now, call_id=call_id)
    return len(due)


def _follow_events(db: Database, now: datetime) -> None:
    with db.transaction() as conn:
        events = case_events.list_new_of_accounts(conn, BATCH)
        for event in events:
            assert event.account is not None
            link = wallets.find_open_link(conn, event.account)
            ours = link is not None and hexed(link.wallet) == event.facts["wallet"].lower()
            if link is not None and ours:
                match event.name:
                    case "LinkProposed":
                        ready_at = datetime.fromtimestamp(event.facts["readyAt"], UTC)
                        wallets.move_link(conn, link.id, "proposed", now, ready_at=ready_at)
                    case "LinkVetoed":
                        wallets.move_link(conn, link.id, "vetoed", now)
                    case "AccountLinked":
                        wallets.move_link(conn, link.id, "linked", now)
                        creators.own_wallet(conn, link.creator_id, link.wallet)
                        log.info("wallet.linked", creator=link.name)
            elif link is not None and event.name == "AccountLinked":
                # relinked by governance, or linked by others: what the contract says counts
                wallets.move_link(conn, link.id, "refused", now, error="linked to another wallet")
        case_events.mark_handled(conn, events, now)


def _follow_calls(db: Database, now: datetime) -> None:
    """Refused attestations are signed anew, refused completions made again."""
    with db.transaction() as conn:
        for link in wallets.links(conn, ["attesting", "completing"], BATCH):
            assert link.call_id is not None
            call = calls.get(conn, link.call_id)
            if call.status not in ("reverted", "cancelled"):
                continue
            calls.close(conn, call.id)
            status = _after_refusal(link, call.error_code)
            wallets.move_link(conn, link.id, status, now, error=call.error_code)


def _after_refusal(link: WalletLink, error: str | None) -> str:
    if error == "AlreadyLinked":
        return "refused"
    # The set of signers has changed meanwhile: what was attested before is void.
    again = link.status == "attesting" or error in ("StaleSignerEpoch", "NoLinkPending")
    return "claimed" if again else "proposed"
