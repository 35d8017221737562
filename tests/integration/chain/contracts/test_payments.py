"""The money's and the disputes' Python door against real contracts on a real Anvil."""

import pytest
from eth_account.signers.local import LocalAccount
from support.town import DAY_S, Town, digest
from web3 import Web3

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.deploy import connect
from oracle.chain.contracts.payments import DisputeStatus, FreezeStatus
from oracle.chain.core.deployment import load_artifact
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import Outcome
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import hexed


def test_a_tip_a_dispute_and_everything_paid_back(town: Town) -> None:
    post = town.attest(Outcome.DERIVATIVE, 9_800)
    split = payments.tip(town.client, town.fan, post, 1_000)
    assert (split.to_original, split.to_poster, split.contested, split.frozen) == (
        600,
        400,
        True,
        False,
    )
    assert payments.claimable(town.client, town.poster.address) == 400
    assert payments.contested(town.client, post) == 600

    dispute = payments.open_dispute(town.client, town.poster, post, digest("raw file"))
    payments.answer_dispute(town.client, town.first, dispute, digest("I was first"))
    with pytest.raises(ContractReverted) as refused:
        payments.rule(town.client, town.fan, dispute, Outcome.ORIGINAL, digest("reason"))
    assert refused.value.revert.name == "AccessManagedUnauthorized"
    payments.rule(town.client, town.arbiter, dispute, Outcome.ORIGINAL, digest("reason"))
    view = payments.read_dispute(town.client, dispute)
    assert (view.status, view.disputed, view.standing) == (
        DisputeStatus.RULED,
        Outcome.DERIVATIVE,
        Outcome.ORIGINAL,
    )
    with pytest.raises(ContractReverted) as early:
        payments.settle(town.client, town.fan, dispute)
    assert early.value.revert.name == "TooEarly"
    town.wait(3 * DAY_S + 1)
    payments.settle(town.client, town.fan, dispute)

    result = verify.find_result(town.client, post)
    assert result is not None
    assert (result.outcome, result.status) == (Outcome.ORIGINAL, verify.PostStatus.FINAL)
    assert verify.has_badge(town.client, post)
    payments.pay_contested(town.client, town.fan, post)
    before = town.client.balance_wei(town.governor.address)
    assert payments.withdraw(town.client, town.poster, to=town.governor.address) == 1_000
    assert town.client.balance_wei(town.governor.address) == before + 1_000


def test_a_lost_dispute_goes_on_with_a_bond_and_is_accepted(town: Town) -> None:
    post = town.attest(Outcome.DERIVATIVE, 9_600)
    dispute = payments.open_dispute(town.client, town.poster, post, digest("raw file"))
    payments.answer_dispute(town.client, town.first, dispute, digest("I was first"))
    payments.rule(town.client, town.arbiter, dispute, Outcome.DERIVATIVE, digest("reason"))
    payments.escalate(town.client, town.poster, dispute, digest("a second file"))
    view = payments.read_dispute(town.client, dispute)
    assert (view.round, view.bond_wei, view.status) == (2, 10**16, DisputeStatus.OPEN)
    # Nobody rules in time: the first ruling stands, and the bond goes back to who paid it.
    town.wait(14 * DAY_S + 1)
    payments.settle(town.client, town.fan, dispute)
    assert verify.read_redirect(town.client, post).redirect_bps == 2_000
    disputes = town.client.deployment.disputes
    bond = town.client.read(
        "PoCDisputes", disputes, "claimable", hexed(town.poster.address), hexed(bytes(20))
    )
    assert bond == 10**16


def test_a_creator_without_a_wallet_links_one_and_is_paid(town: Town) -> None:
    account = escrow_account("alice")
    post = town.attest(Outcome.ORIGINAL, 0, creator=account)
    payments.tip(town.client, town.fan, post, 77)
    assert payments.wallet_of(town.client, account) == account
    until = town.now() + DAY_S
    signature = town.oracle.sign_digest(
        payments.link_digest(town.client, account, town.poster.address, until, 1)
    )
    payments.link_account(
        town.client,
        town.fan,
        "alice",
        town.poster.address,
        valid_until=until,
        signer_epoch=1,
        signatures=[signature],
    )
    assert payments.wallet_of(town.client, account) == account  # it can be vetoed first
    town.wait(payments.link_delay_s(town.client))
    payments.complete_links(town.client, town.registrar, [account])
    assert payments.wallet_of(town.client, account) == town.poster.address
    assert payments.withdraw(town.client, town.poster, of=account) == 77


def test_pay_with_a_bonus_and_a_freeze_that_takes_nothing(town: Town) -> None:
    post = town.attest(Outcome.DERIVATIVE, 9_800)
    payments.fund_vault(town.client, town.fan, 1_000)
    receipt = payments.make(
        town.client, town.officer, payments.credit_bonus(post, digest("week 47"), 100, 1)
    )
    split = payments.read_split(town.client, receipt)
    assert (split.to_original, split.to_poster) == (66, 44)

    alert = digest("alert")
    freeze = payments.freeze_account(
        town.poster.address, alert, digest("statement"), town.now() + DAY_S
    )
    payments.make(town.client, town.officer, freeze)
    with pytest.raises(ContractReverted) as frozen:
        payments.withdraw(town.client, town.poster)
    assert frozen.value.revert.name == "AccountFrozen"
    payments.appeal_freeze(town.client, town.poster, alert, digest("they are real people"))
    assert payments.freeze_status(town.client, alert) is FreezeStatus.APPEALED
    release = payments.resolve_freeze(alert, upheld=False, reason_hash=digest("they are"))
    payments.make(town.client, town.arbiter, release)
    assert payments.freeze_status(town.client, alert) is FreezeStatus.RELEASED
    assert payments.withdraw(town.client, town.poster) == 44

    freeze = payments.freeze_post(post, digest("2"), digest("another"), town.now() + DAY_S)
    payments.make(town.client, town.officer, freeze)
    assert payments.tip(town.client, town.fan, post, 100).frozen


def test_an_upgrade_takes_its_delay_and_keeps_the_state(town: Town) -> None:
    post = town.attest(Outcome.DERIVATIVE, 9_800)
    payments.tip(town.client, town.fan, post, 1_000)
    payments.open_dispute(town.client, town.poster, post, digest("raw file"))
    before = state_of(town, post)

    w3 = connect(town.anvil.url)
    governor = w3.eth.account.from_key(town.governor._account.key)
    deployment = town.client.deployment
    manager = w3.eth.contract(
        Web3.to_checksum_address(deployment.access_manager), abi=load_artifact("AccessManager").abi
    )
    upgrades = {}
    for name, proxy in (
        ("RevenueSplitter", deployment.revenue_splitter),
        ("PoCDisputes", deployment.disputes),
        ("PostRegistry", deployment.post_registry),
        ("PoCHub", deployment.hub),
    ):
        logic = new_logic(w3, governor, name)
        call = w3.eth.contract(abi=load_artifact(name).abi).encode_abi(
            "upgradeToAndCall", args=[logic, b""]
        )
        upgrades[proxy] = (logic, call)
        run(w3, governor, manager.functions.schedule(proxy, call, 0))
    with pytest.raises(Exception, match="0x"):
        manager.functions.execute(deployment.hub, upgrades[deployment.hub][1]).call(
            {"from": governor.address}
        )
    town.wait(7 * DAY_S + 60)
    for proxy, (logic, call) in upgrades.items():
        run(w3, governor, manager.functions.execute(proxy, call))
        slot = w3.eth.get_storage_at(Web3.to_checksum_address(proxy), IMPLEMENTATION_SLOT)
        assert slot[-20:] == bytes.fromhex(logic[2:])
    assert state_of(town, post) == before


# ERC-1967: keccak256("eip1967.proxy.implementation") - 1
IMPLEMENTATION_SLOT = int.from_bytes(Web3.keccak(text="eip1967.proxy.implementation"), "big") - 1


def state_of(town: Town, post: bytes) -> tuple[object, ...]:
    return (
        verify.find_result(town.client, post),
        verify.read_redirect(town.client, post),
        payments.read_dispute(town.client, 1),
        payments.claimable(town.client, town.poster.address),
        payments.contested(town.client, post),
    )


def new_logic(w3: Web3, account: LocalAccount, name: str) -> str:
    artifact = load_artifact(name)
    receipt = run(
        w3, account, w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode).constructor()
    )
    return str(receipt["contractAddress"])


def run(w3: Web3, account: LocalAccount, call) -> dict:
    tx = call.build_transaction(
        {"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)}
    )
    sent = w3.eth.send_raw_transaction(account.sign_transaction(tx).raw_transaction)
    receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
    assert receipt["status"] == 1
    return receipt
