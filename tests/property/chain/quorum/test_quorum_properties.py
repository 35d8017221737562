"""Laws of the report that several observations lead to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.core.report import MediaType, Outcome, ReportDraft
from oracle.chain.errors import InvalidReport, SigningFailed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.quorum.observation import (
    NoAgreement,
    Observation,
    acceptable,
    aggregate,
    contradict,
    observe,
    require_signed,
    turn_order,
)

HUB = bytes(20)
SIGNERS = [LocalSigner(bytes([index]) * 32) for index in range(1, 8)]
CREATOR, VICTIM = bytes([1]) * 20, bytes([2]) * 20


def draft(similarity_bps: int, **changes: Any) -> ReportDraft:
    """An original below 95 %, else a derivative of the victim's work."""
    copied = similarity_bps >= 9_500
    values: dict[str, Any] = {
        "request_id": bytes(32),
        "post_id": bytes([1]) * 32,
        "content_hash": bytes([2]) * 32,
        "media_type": MediaType.IMAGE,
        "outcome": Outcome.DERIVATIVE if copied else Outcome.ORIGINAL,
        "similarity_bps": similarity_bps,
        "creator": CREATOR,
        "original_creator": VICTIM if copied else bytes(20),
        "original_post_id": bytes([3]) * 32 if copied else bytes(32),
        "evidence_hash": bytes([4]) * 32,
        "model_digest": bytes(32),
        "index_snapshot": bytes(32),
        "config_version": 1,
    }
    return ReportDraft(**values | changes)


def seen(drafts: Sequence[ReportDraft]) -> list[Observation]:
    return [
        Observation(one, 100 + index, 1, SIGNERS[index].address, bytes(65))
        for index, one in enumerate(drafts)
    ]


@given(st.lists(st.integers(0, 9_499), min_size=3, max_size=7), st.randoms())
def test_the_order_of_observations_is_irrelevant(similarities: list[int], rng: Any) -> None:
    observations = seen([draft(s) for s in similarities])
    shuffled = rng.sample(observations, len(observations))
    assert aggregate(observations, quorum=3, valid_until=9) == aggregate(
        shuffled, quorum=3, valid_until=9
    )


@given(st.lists(st.integers(0, 9_499), min_size=3, max_size=3), st.integers(0, 10_000))
def test_one_liar_among_four_cannot_move_the_number_past_the_honest_ones(
    honest: list[int], lie: int
) -> None:
    observations = seen([draft(s) for s in honest] + [draft(lie)])
    report = aggregate(observations, quorum=3, valid_until=9)
    assert min(honest) <= report.similarity_bps <= max(honest)


@given(st.lists(st.integers(9_000, 10_000), min_size=3, max_size=7))
def test_an_accusation_in_the_report_was_made_by_a_quorum(similarities: list[int]) -> None:
    drafts = [draft(s) for s in similarities]
    report = aggregate(seen(drafts), quorum=3, valid_until=9)
    accusers = sum(one.outcome is Outcome.DERIVATIVE for one in drafts)
    if report.outcome is Outcome.DERIVATIVE:
        assert accusers >= 3
    elif accusers >= 3:
        assert len(drafts) - accusers >= 3


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 200))
def test_nobody_signs_an_accusation_that_is_not_his_own(
    own: int, other: int, tolerance: int
) -> None:
    mine, report = draft(own), draft(other)
    if acceptable(mine, report, tolerance):
        assert abs(own - other) <= tolerance
        assert report.outcome is not Outcome.DERIVATIVE or mine.outcome is Outcome.DERIVATIVE


@pytest.mark.parametrize(
    "change",
    [
        {"content_hash": bytes([9]) * 32},
        {"creator": VICTIM},
        {"post_id": bytes([9]) * 32},
        {"config_version": 2},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.LICENSED},
    ],
)
def test_a_report_about_something_else_is_not_signed(change: dict[str, Any]) -> None:
    assert acceptable(draft(1_000), draft(1_000), 0)
    assert not acceptable(draft(1_000), draft(1_000, **change), 10_000)


def test_another_victim_is_another_accusation() -> None:
    assert not acceptable(draft(9_900), draft(9_900, original_creator=CREATOR[:19] + b"x"), 100)


def test_different_content_is_counted_apart() -> None:
    other = bytes([9]) * 32
    split = seen([draft(1), draft(2), draft(3, content_hash=other), draft(4, content_hash=other)])
    with pytest.raises(NoAgreement):
        aggregate(split, quorum=3, valid_until=9)


def test_conclusions_that_the_threshold_does_not_explain_lead_nowhere() -> None:
    split = seen(
        [
            draft(1),
            draft(2),
            draft(3, outcome=Outcome.LICENSED),
            draft(4, outcome=Outcome.NEEDS_REVIEW),
        ]
    )
    with pytest.raises(NoAgreement):
        aggregate(split, quorum=3, valid_until=9)


def test_a_signer_counts_once() -> None:
    twice = seen([draft(1), draft(2)])
    with pytest.raises(InvalidReport):
        aggregate([*twice, replace(twice[0], observed_at=5)], quorum=3, valid_until=9)


def test_an_observation_is_its_signers_for_one_epoch_hub_and_chain() -> None:
    one = observe(SIGNERS[0], draft(5), observed_at=7, signer_epoch=1, chain_id=1, hub=HUB)
    members = {SIGNERS[0].address}
    require_signed(one, 1, HUB, members, 1)
    assert Observation.from_dict(one.to_dict()) == one
    for chain_id, hub, signers, epoch in (
        (2, HUB, members, 1),
        (1, VICTIM, members, 1),
        (1, HUB, set(), 1),
        (1, HUB, members, 2),
    ):
        with pytest.raises((InvalidReport, SigningFailed)):
            require_signed(one, chain_id, hub, signers, epoch)
    for forged in (
        replace(one, observed_at=8),
        replace(one, draft=draft(6)),
        replace(one, signature=bytes(65)),
    ):
        with pytest.raises((InvalidReport, SigningFailed)):
            require_signed(forged, 1, HUB, members, 1)


def test_two_statements_of_one_signer_about_one_request_contradict() -> None:
    first, other_signer = seen([draft(1), draft(2)])
    assert contradict(first, replace(first, draft=draft(2)))
    assert not contradict(first, first)
    assert not contradict(first, other_signer)
    assert not contradict(first, replace(first, signer_epoch=2))


@given(st.binary(min_size=32, max_size=32))
def test_every_signer_has_one_turn(request_id: bytes) -> None:
    members = {signer.address for signer in SIGNERS}
    order = turn_order(request_id, members)
    assert set(order) == members and len(order) == len(members)
    assert order == turn_order(request_id, sorted(members))
