"""What must hold for every input of the rules."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from oracle.rules import payout
from oracle.rules.decision import (
    BPS,
    Match,
    Policy,
    Subject,
    Verdict,
    decide,
    redirect_bps,
    similarity_to_bps,
)
from oracle.rules.payout import Grade

bps = st.integers(0, BPS)
thresholds = st.integers(0, BPS - 1)
amounts = st.integers(0, 10**30)
policies = st.builds(Policy, st.just(1), thresholds, bps)
matches = st.lists(
    st.builds(
        Match,
        work_id=st.integers(1, 50).map(lambda n: UUID(int=n)),
        creator_id=st.none() | st.integers(1, 4),
        sequence=st.integers(1, 199),
        similarity_bps=bps,
        licensed=st.booleans(),
    ),
    unique_by=lambda m: m.sequence,
)
subjects = st.builds(
    Subject, st.none() | st.integers(1, 4), st.just(100), search_complete=st.booleans()
)


@given(subjects, matches, policies, st.randoms())
def test_the_order_of_matches_is_irrelevant(
    subject: Subject, found: list[Match], policy: Policy, rng: Random
) -> None:
    assert decide(subject, rng.sample(found, len(found)), policy) == decide(subject, found, policy)


@given(subjects, matches, policies)
def test_only_an_earlier_unlicensed_work_of_someone_else_costs_money(
    subject: Subject, found: list[Match], policy: Policy
) -> None:
    decided = decide(subject, found, policy)
    if decided.redirect_bps > 0:
        assert decided.verdict is Verdict.DERIVATIVE
    if decided.verdict is Verdict.DERIVATIVE:
        credited = decided.credited
        assert credited is not None
        assert credited.creator_id not in (None, subject.creator_id)
        assert credited.sequence < subject.sequence
        assert subject.search_complete
        assert credited.similarity_bps >= policy.threshold_bps
        assert not credited.licensed


@given(subjects, matches, policies)
def test_a_later_work_never_changes_anything(
    subject: Subject, found: list[Match], policy: Policy
) -> None:
    earlier = [m for m in found if m.sequence < subject.sequence]
    assert decide(subject, found, policy) == decide(subject, earlier, policy)


@given(subjects, matches, thresholds, thresholds, bps)
def test_raising_the_threshold_adds_no_redirect_on_the_same_match(
    subject: Subject, found: list[Match], one: int, other: int, base: int
) -> None:
    low, high = sorted((one, other))
    for match in found:
        at_low = decide(subject, [match], Policy(1, low, base)).redirect_bps
        assert decide(subject, [match], Policy(2, high, base)).redirect_bps <= at_low


@given(bps, bps, thresholds, bps)
def test_the_redirect_grows_with_similarity_within_its_bounds(
    one: int, other: int, threshold: int, base: int
) -> None:
    low, high = sorted((one, other))
    assert 0 <= redirect_bps(low, threshold, base) <= redirect_bps(high, threshold, base) <= base
    assert redirect_bps(threshold, threshold, base) == 0
    assert redirect_bps(BPS, threshold, base) == base


@given(st.floats(0, 1))
def test_basis_points_never_exceed_the_similarity(similarity: float) -> None:
    points = similarity_to_bps(similarity)
    assert points / BPS <= similarity < (points + 1) / BPS + 1e-12


@given(amounts, st.sampled_from(Grade), st.sampled_from(Verdict), bps)
def test_every_payout_sums_to_what_was_earned(
    amount: int, grade: Grade, verdict: Verdict, redirect: int
) -> None:
    paid = payout.payout(amount, grade, verdict, redirect)
    assert paid.shares.to_original + paid.shares.to_poster == paid.base_pay + paid.bonus
    assert paid.shares.to_original >= 0
    assert paid.shares.to_poster >= 0
    assert paid.bonus <= payout.payout(amount, grade, Verdict.ORIGINAL, 0).bonus


@given(amounts, bps, bps)
def test_every_tip_sums_to_itself(amount: int, guest: int, redirect: int) -> None:
    split = payout.split_tip(amount, guest, redirect)
    assert split.to_guest + split.shares.to_original + split.shares.to_poster == amount
