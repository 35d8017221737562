"""What waits while a verdict is open, and how a person may end it."""

import json
from pathlib import Path

import pytest

from oracle.rules.decision import Reason, Verdict
from oracle.rules.review import OutcomeNotPossible, at_deadline, held_bps, ruled_redirect_bps

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rules.json").read_text())
BOB, ALICE = 2, 1
REASONS_TO_WAIT = (
    Reason.INSUFFICIENT_DETAIL,
    Reason.INCOMPLETE_SEARCH,
    Reason.UNKNOWN_CREATOR,
    Reason.ERASED_SOURCE,
    Reason.QUARANTINED,
    Reason.CONTESTED,
)


@pytest.mark.parametrize("row", VECTORS["redirect"])
def test_what_waits_is_what_a_copy_would_cost(row: dict[str, int]) -> None:
    waits = held_bps(row["similarityBps"], row["thresholdBps"], row["baseBps"])
    assert waits == row["redirectBps"]


CASES = {
    "a copy": (Verdict.DERIVATIVE, 9_800, ALICE, 6_000),
    "a copy at the threshold": (Verdict.DERIVATIVE, 9_500, ALICE, 0),
    "no copy": (Verdict.ORIGINAL, 9_800, ALICE, 0),
    "licensed": (Verdict.LICENSED, 9_800, ALICE, 0),
    "no match": (Verdict.DERIVATIVE, 0, None, None),
    "below the threshold": (Verdict.DERIVATIVE, 9_499, ALICE, None),
    "an unnamed creator": (Verdict.DERIVATIVE, 9_800, None, None),
    "one's own": (Verdict.DERIVATIVE, 9_800, BOB, None),
    "undecided again": (Verdict.UNDECIDED, 9_800, ALICE, None),
    "one's own, by name": (Verdict.SELF_DUPLICATE, 9_800, BOB, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_person_finds_what_the_contract_takes(
    case: tuple[Verdict, int, int | None, int | None],
) -> None:
    outcome, similarity, creator, redirect = case

    def ruled() -> int:
        return ruled_redirect_bps(
            outcome,
            similarity_bps=similarity,
            threshold_bps=9_500,
            base_bps=10_000,
            poster_id=BOB,
            original_creator_id=creator,
        )

    if redirect is None:
        with pytest.raises(OutcomeNotPossible):
            ruled()
    else:
        assert ruled() == redirect


@pytest.mark.parametrize("reason", REASONS_TO_WAIT)
def test_a_doubt_accuses_nobody_at_the_deadline(reason: Reason) -> None:
    """And makes no original of either of two creators, one of whom is a thief."""
    contested = reason is Reason.CONTESTED
    assert at_deadline(reason) is (Verdict.UNDECIDED if contested else Verdict.ORIGINAL)


def test_a_person_credits_no_copyist() -> None:
    with pytest.raises(OutcomeNotPossible, match="copyist"):
        ruled_redirect_bps(
            Verdict.DERIVATIVE,
            similarity_bps=9_800,
            threshold_bps=9_500,
            base_bps=10_000,
            poster_id=BOB,
            original_creator_id=ALICE,
            original_is_copy=True,
        )
