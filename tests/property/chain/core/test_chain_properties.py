"""Laws of the node's pure parts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.core.fees import FeeLimits, replacement, suggest
from oracle.chain.core.lifecycle import (
    ChainView,
    PendingTx,
    ReceiptSeen,
    Refusal,
    RetryTimeouts,
    Step,
    Wish,
    missing_nonces,
    next_nonce,
    next_step,
)
from oracle.chain.core.report import (
    SOLIDITY_TYPES,
    FailureReason,
    MediaType,
    Outcome,
    PoCReport,
    digest,
)
from oracle.chain.core.transaction import Fee

NOW = datetime(2026, 11, 22, tzinfo=UTC)
hashes = st.binary(min_size=32, max_size=32)
accounts = st.binary(min_size=20, max_size=20)
counters = st.integers(0, 2**64 - 1)
SPECIAL = {
    "media_type": st.sampled_from(MediaType),
    "outcome": st.sampled_from([o for o in Outcome if o is not Outcome.NONE]),
    "similarity_bps": st.integers(0, 10_000),
}


@st.composite
def reports(draw: st.DrawFn) -> PoCReport:
    kinds = {"bytes32": hashes, "address": accounts, "uint64": counters}
    values = {
        name: draw(SPECIAL.get(name, kinds.get(kind, counters)))
        for name, kind in SOLIDITY_TYPES.items()
    }
    failed = values["outcome"] is Outcome.FAILED
    reason = draw(st.sampled_from(FailureReason)) if failed else FailureReason.NONE
    return PoCReport(**values | {"reason": reason})


times = st.none() | st.integers(0, 10_000).map(lambda s: NOW - timedelta(seconds=s))
block_hashes = st.sampled_from([b"\x01" * 32, b"\x02" * 32])
receipts = st.none() | st.builds(
    ReceiptSeen, st.integers(0, 200), block_hashes, st.booleans(), st.booleans()
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[PendingTx, ChainView]:
    first = draw(times)
    refusal = draw(st.none() | st.sampled_from(Refusal))
    tx = PendingTx(
        draw(st.integers(0, 9)),
        first,
        first,
        draw(st.none() | block_hashes),
        refusal,
        draw(st.sampled_from(Wish)),
        draw(times),
    )
    seen = ChainView(
        now=NOW,
        finalized_block=100,
        account_nonce=draw(st.integers(0, 9)),
        final_nonce=draw(st.integers(0, 9)),
        receipt=draw(receipts),
        in_pool=draw(st.booleans()),
    )
    return tx, seen


@given(reports())
def test_json_keeps_every_report(report: PoCReport) -> None:
    assert PoCReport.from_dict(report.to_dict()) == report


@given(reports(), reports())
def test_different_reports_have_different_digests(a: PoCReport, b: PoCReport) -> None:
    assert (digest(a, 1, bytes(20)) == digest(b, 1, bytes(20))) == (a == b)


@given(situations())
def test_nothing_is_done_for_good_above_the_finalized_block(
    situation: tuple[PendingTx, ChainView],
) -> None:
    tx, seen = situation
    step = next_step(tx, seen, RetryTimeouts())
    if step in (Step.FINALIZE, Step.FAIL):
        assert seen.receipt is not None and seen.receipt.block_number <= seen.finalized_block
    if step is Step.VOID and seen.receipt is None:
        assert seen.final_nonce > tx.nonce


@given(situations())
def test_nothing_is_sent_for_a_nonce_that_is_spent(situation: tuple[PendingTx, ChainView]) -> None:
    tx, seen = situation
    if seen.receipt is not None or seen.account_nonce > tx.nonce:
        assert next_step(tx, seen, RetryTimeouts()) not in (Step.SEND, Step.BUMP_FEE, Step.CANCEL)


@given(situations())
def test_what_is_given_up_is_never_sent_again(situation: tuple[PendingTx, ChainView]) -> None:
    tx, seen = situation
    if tx.wish is Wish.DROP:
        assert next_step(tx, seen, RetryTimeouts()) not in (Step.SEND, Step.BUMP_FEE)


@given(st.integers(0, 20), st.sets(st.integers(0, 30)))
def test_a_new_nonce_is_free_and_leaves_no_hole_behind(account_nonce: int, taken: set[int]) -> None:
    nonce = next_nonce(account_nonce, taken)
    assert nonce >= account_nonce and nonce not in taken
    assert set(range(account_nonce, nonce)) <= taken


@given(st.integers(0, 20), st.sets(st.integers(0, 30)))
def test_filling_the_missing_nonces_leaves_none_missing(
    account_nonce: int, taken: set[int]
) -> None:
    missing = missing_nonces(account_nonce, taken)
    assert not taken & set(missing)
    assert missing_nonces(account_nonce, taken | set(missing)) == []


fees = st.integers(0, 10**12)


@given(fees, st.lists(fees, max_size=10))
def test_a_suggestion_pays_for_the_coming_block_and_stays_under_the_cap(
    base: int, rewards: list[int]
) -> None:
    limits = FeeLimits(max_fee_cap_wei=2 * 10**12)
    fee = suggest(base, rewards, limits)
    assert base + fee.tip_wei <= fee.max_fee_wei <= limits.max_fee_cap_wei


@given(fees, fees, fees, fees)
def test_a_replacement_raises_both_fees_by_an_eighth(
    tip: int, extra: int, now_tip: int, now_extra: int
) -> None:
    limits = FeeLimits(max_fee_cap_wei=10**15)
    previous, now = Fee(tip + extra, tip), Fee(now_tip + now_extra, now_tip)
    fee = replacement(previous, now, limits)
    assert (
        fee.tip_wei * 8 >= previous.tip_wei * 9 and fee.max_fee_wei * 8 >= previous.max_fee_wei * 9
    )
    assert fee.max_fee_wei > previous.max_fee_wei and fee.tip_wei > previous.tip_wei
    assert fee.max_fee_wei >= max(now.max_fee_wei, fee.tip_wei)
