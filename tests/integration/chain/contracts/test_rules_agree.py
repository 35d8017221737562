"""The rules in Python and the deployed library, argument by argument over the whole integer
domain.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.anvil import AnvilNode

from oracle.chain.contracts.deploy import connect
from oracle.chain.core.abis import contract
from oracle.chain.core.deployment import load_artifact
from oracle.chain.core.report import Outcome
from oracle.chain.core.reverts import decode_revert
from oracle.chain.errors import RpcRefused
from oracle.chain.rpc.endpoint import Endpoint
from oracle.originality import attestation
from oracle.originality.attestation import OUTCOMES
from oracle.rules import decision, payout
from oracle.rules.decision import Reason, RuleError, Verdict
from oracle.rules.payout import Grade

# Mostly around the edges that matter, and anything that fits a uint256.
points = (
    st.integers(0, 10_001)
    | st.sampled_from([6_999, 7_000, 8_999, 9_000, 9_999, 10_000])
    | st.integers(0, 2**256 - 1)
)
amounts = st.integers(0, 100_000) | st.integers(0, 2**255)
TIERS = {decision.Tier.LOW: 1, decision.Tier.MEDIUM: 2, decision.Tier.HIGH: 3}
GRADES = {grade: number for number, grade in enumerate(Grade, start=1)}

Library = Callable[..., Any]


@pytest.fixture(scope="module")
def library(anvil: AnvilNode) -> Library:
    """Calls a function of the deployed library: its value, or the name of the error it reverted
    with.
    """
    w3 = connect(anvil.url)
    artifact = load_artifact("RedirectMathView")
    account = anvil.account()
    deployment = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode).constructor()
    transaction = deployment.build_transaction(
        {"from": account.address, "nonce": w3.eth.get_transaction_count(account.address)}
    )
    sent = w3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)
    address = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)["contractAddress"]
    endpoint, abi = Endpoint(anvil.url), contract("RedirectMathView")

    def call(function: str, *args: int) -> Any:
        data = "0x" + abi.call_data(function, *args).hex()
        try:
            raw = endpoint.request("eth_call", {"to": address, "data": data}, "latest")
        except RpcRefused as exc:
            return decode_revert(exc.data).name
        values = abi.answer(function, bytes.fromhex(raw[2:]))
        return values[0] if len(values) == 1 else values

    return call


def outcome_of(rule: Callable[[], Any]) -> Any:
    """The value of a rule, or the name of the error it raised."""
    try:
        return rule()
    except RuleError as exc:
        return type(exc).__name__


many = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(similarity=points, threshold=points, base=points)
def test_redirects_agree(library: Library, similarity: int, threshold: int, base: int) -> None:
    ours = outcome_of(lambda: decision.redirect_bps(similarity, threshold, base))
    assert ours == library("redirectBps", similarity, threshold, base)


@many
@given(similarity=points)
def test_tiers_agree(library: Library, similarity: int) -> None:
    assert outcome_of(lambda: TIERS[decision.tier_of(similarity)]) == library("tier", similarity)


@many
@given(grade=st.sampled_from(Grade), verdict=st.sampled_from(Verdict), base_pay=amounts)
def test_bonuses_agree(library: Library, grade: Grade, verdict: Verdict, base_pay: int) -> None:
    outcome = int(OUTCOMES[verdict])
    assert payout.bonus_bps(grade, verdict) == library("bonusBps", GRADES[grade], outcome)
    paid = payout.payout(base_pay, grade, verdict, 0)
    assert paid.base_pay + paid.bonus == library("payWithBonus", base_pay, GRADES[grade], outcome)


@many
@given(amount=amounts, redirect=points)
def test_splits_agree(library: Library, amount: int, redirect: int) -> None:
    def shares() -> Any:
        split = payout.redirect(amount, redirect)
        return (split.to_original, split.to_poster)

    ours, theirs = outcome_of(shares), library("splitRedirect", amount, redirect)
    assert ours == theirs or (ours, theirs) == ("RuleError", "InvalidRedirect")
    for function, share in (
        ("splitCommentTip", payout.COMMENTER_SHARE_BPS),
        ("splitRepostTip", payout.REPOSTER_SHARE_BPS),
    ):
        split = payout.split_tip(amount, share, 0)
        assert (split.to_guest, split.shares.to_poster) == library(function, amount)


@many
@given(amount=amounts)
def test_trade_fees_agree(library: Library, amount: int) -> None:
    fees = payout.trade_fees(amount, 0)
    assert (fees.creator.to_poster, fees.platform, fees.ecosystem) == library("tradeFees", amount)


def test_every_verdict_has_an_outcome_on_chain() -> None:
    assert set(OUTCOMES) == set(Verdict)
    told = {attestation.outcome_of(verdict, Reason.NO_MATCH) for verdict in Verdict}
    told.add(attestation.outcome_of(Verdict.ORIGINAL, Reason.SHARED_SOURCE))
    assert told == set(Outcome) - {Outcome.NONE, Outcome.FAILED}
