"""Payments in the demo: tips follow the verdict, a dispute overturns it, and the money follows."""

import hashlib
import time
from typing import Any

from oracle.chain.contracts import payments, verify
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.devnet.keys import KeyRing
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.endpoint import Endpoint
from oracle.demo.story import StepFailed, Story

TIP_WEI = 10**15
ARBITER_ROLE = 4  # as numbered in Roles.sol
REGISTRAR_ROLE = 8
LINK_LIFETIME_S = 3600


def show_payments(story: Story, original: dict[str, Any], derivative: dict[str, Any]) -> None:
    """Tip a copy, dispute and overturn the verdict, and withdraw what was held; verify each step.

    Args:
        original: The API's view of the original, whose creator is a handle without a wallet.
        derivative: The view of the copy; it is final on chain and can still be disputed.

    Raises: StepFailed, ChainError.
    """
    chain, post_id = story.stage.chain, _hash_of(derivative["work"]["post_id"])
    keys = KeyRing(story.stage.folder / "chain" / "keys.json")
    arbiter, oracle = (
        _holder(story, keys, "arbiter", ARBITER_ROLE),
        LocalSigner(keys.account("oracle").key),
    )
    fan, poster, first = (_funded(story, keys, name) for name in ("fan", "poster", "first creator"))
    account, creditor = (escrow_account(view["work"]["creator"]) for view in (derivative, original))

    redirect = verify.read_redirect(chain, post_id)
    to_original = TIP_WEI * redirect.redirect_bps // 10_000
    to_poster = TIP_WEI - to_original
    before = payments.claimable(chain, account)
    split = payments.tip(chain, fan, post_id, TIP_WEI)
    story.check(
        f"the tip was split {split}",
        (split.to_original, split.to_poster) == (to_original, to_poster),
    )
    story.check(
        "the copyist's own share waits", payments.claimable(chain, account) == before + to_poster
    )
    story.check(
        "the redirected share does not wait", payments.contested(chain, post_id) == to_original
    )
    story.note(
        "A fan tips the copy", "split", "", _shares(to_original, to_poster), "redirected share held"
    )

    _link(
        story,
        {derivative["work"]["creator"]: poster, original["work"]["creator"]: first},
        oracle,
        keys,
    )
    # A copy at 100 % similarity leaves its poster nothing to withdraw.
    fetched = payments.withdraw(chain, poster, of=account) if before + to_poster else 0
    story.check(
        f"{fetched} wei came out",
        fetched == before + to_poster and not payments.claimable(chain, account),
    )
    story.note("Its poster links a wallet", "linked", "", f"{fetched} wei", "own share withdrawn")

    dispute = payments.open_dispute(
        chain, poster, post_id, _digest("my raw file, older than theirs")
    )
    disputed = verify.find_result(chain, post_id)
    held = disputed is not None and disputed.status is verify.PostStatus.DISPUTED
    story.check(f"the post is not in dispute: {disputed}", held)
    payments.tip(chain, fan, post_id, TIP_WEI)
    story.check(
        "a dispute stopped the money", payments.contested(chain, post_id) == 2 * to_original
    )
    payments.answer_dispute(chain, first, dispute, _digest("I was first"))
    # A review needs more signatures than the first report had. With a single signer, people decide
    # without it.
    review_until = payments.read_dispute(chain, dispute).review_until
    signers = int(chain.read("OracleRegistry", chain.deployment.oracle_registry, "signerCount"))
    story.check("a lone signer was asked to review itself", bool(review_until) == (signers > 1))
    story.note(
        "The poster disputes the verdict",
        "disputed",
        "",
        "",
        f"dispute {dispute}, answered; to an arbiter",
    )

    payments.rule(chain, arbiter, dispute, Outcome.ORIGINAL, _digest("the raw file is older"))
    payments.accept_ruling(chain, first, dispute)
    # Nobody has to end it, or to ask for the money: the oracle does both when their time has come.
    story.wait("the dispute did not end", lambda: _is_closed(story, dispute))
    decided = verify.find_result(chain, post_id)
    overturned = decided is not None and decided.outcome is Outcome.ORIGINAL
    final = decided is not None and decided.status is verify.PostStatus.FINAL
    story.check(f"the ruling did not reach the post: {decided}", overturned and final)
    story.check("no badge was issued", verify.has_badge(chain, post_id))
    story.note("An arbiter overturns it", "original", "", "badge", "accepted by the other side")

    story.wait("contested money was not paid", lambda: not payments.contested(chain, post_id))
    back = to_poster + 2 * to_original
    story.check("the contested money is not whole", payments.claimable(chain, account) == back)
    story.check("something is still held", payments.contested(chain, post_id) == 0)
    story.check("the loser was paid", payments.claimable(chain, creditor) == 0)
    split = payments.tip(chain, fan, post_id, TIP_WEI)
    story.check(
        f"the next tip was split {split}", (split.to_original, split.to_poster) == (0, TIP_WEI)
    )
    # A wallet that pays no gas, so that what arrives can be counted.
    receiver = address_bytes(keys.account("demo bank").address)
    before = chain.balance_wei(receiver)
    payments.withdraw(chain, poster, of=account, to=receiver)
    arrived = chain.balance_wei(receiver) - before
    story.check(f"{arrived} wei arrived instead of {back + TIP_WEI}", arrived == back + TIP_WEI)
    story.note("What was held is paid back", "paid", "", f"{back} wei", "nothing kept")


def _is_closed(story: Story, dispute: int) -> bool:
    kept = payments.read_dispute(story.stage.chain, dispute)
    return kept.status is payments.DisputeStatus.CLOSED


def _link(
    story: Story, wallets: dict[str, LocalSigner], oracle: LocalSigner, keys: KeyRing
) -> None:
    """Link each creator's account to a wallet: the oracle attests, the delay passes, the
    registrar completes.
    """
    chain = story.stage.chain
    accounts = {escrow_account(handle): wallet for handle, wallet in wallets.items()}
    new = [
        account
        for account, wallet in accounts.items()
        if payments.wallet_of(chain, account) != wallet.address
    ]
    if not new:
        return
    until = max(int(time.time()), chain.head().timestamp) + LINK_LIFETIME_S
    epoch = int(chain.read("OracleRegistry", chain.deployment.oracle_registry, "currentEpoch"))
    for handle, wallet in wallets.items():
        account = escrow_account(handle)
        if account not in new:
            continue
        signature = oracle.sign_digest(
            payments.link_digest(chain, account, wallet.address, until, epoch)
        )
        payments.link_account(
            chain,
            wallet,
            handle,
            wallet.address,
            valid_until=until,
            signer_epoch=epoch,
            signatures=[signature],
        )
    endpoint = Endpoint(story.stage.rpc_url)
    endpoint.request("evm_increaseTime", payments.link_delay_s(chain))
    endpoint.request("evm_mine")
    payments.complete_links(chain, _holder(story, keys, "registrar", REGISTRAR_ROLE), new)
    linked = all(
        payments.wallet_of(chain, account) == wallet.address for account, wallet in accounts.items()
    )
    story.check("the creators' accounts are not linked", linked)


def _holder(story: Story, keys: KeyRing, role: str, number: int) -> LocalSigner:
    """Whoever holds a role: an account of its own, or the deployer where that one holds them
    all.
    """
    chain = story.stage.chain
    for name in (role, "deployer"):
        account = keys.account(name)
        holds, _ = chain.read(
            "AccessManager", chain.deployment.access_manager, "hasRole", number, account.address
        )
        if holds:
            Endpoint(story.stage.rpc_url).request("anvil_setBalance", account.address, hex(10**19))
            return LocalSigner(account.key)
    raise StepFailed(f"no account here holds the role of the {role}")


def _funded(story: Story, keys: KeyRing, name: str) -> LocalSigner:
    """Return an account of the demo with ten ether."""
    account = LocalSigner(keys.account(f"demo {name}").key)
    Endpoint(story.stage.rpc_url).request("anvil_setBalance", hexed(account.address), hex(10**19))
    return account


def _shares(to_original: int, to_poster: int) -> str:
    total = to_original + to_poster
    return f"{100 * to_original / total:g} / {100 * to_poster / total:g} %"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _hash_of(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
