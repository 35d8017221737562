"""Every outcome in every text: none says that nothing is lost where something is."""

import itertools
import re
from typing import Any

import pytest

from oracle.appeals import verdicts as appeals
from oracle.notices import templates
from oracle.payouts import statement
from oracle.rules.cost import Cost, cost_of, in_words
from oracle.rules.decision import Reason, Verdict
from oracle.rules.explain import explain
from oracle.rules.payout import Grade, bonus_bps, payout

REDIRECT, HELD = 6_000, 5_000
COSTS = {
    verdict: cost_of(
        verdict,
        redirect_bps=REDIRECT if verdict is Verdict.DERIVATIVE else 0,
        held_bps=HELD if verdict is Verdict.UNDECIDED else 0,
    )
    for verdict in Verdict
}
# What each reason can come with.
REASONS = {
    Verdict.ORIGINAL: (
        Reason.NO_MATCH,
        Reason.BELOW_THRESHOLD,
        Reason.SETTLED,
        Reason.REVIEWED,
        Reason.REVIEW_LAPSED,
    ),
    Verdict.DERIVATIVE: (Reason.COPY_OF_EARLIER, Reason.SOUND_OF_EARLIER, Reason.REVIEWED),
    Verdict.SELF_DUPLICATE: (Reason.OWN_EARLIER_WORK,),
    Verdict.LICENSED: (Reason.PERMISSION, Reason.REVIEWED),
}
NOTICES = {
    Verdict.DERIVATIVE: templates.COPY_FOUND,
    Verdict.SELF_DUPLICATE: templates.OWN_COPY,
    Verdict.UNDECIDED: templates.UNDECIDED,
    Verdict.ORIGINAL: templates.DECIDED,
    Verdict.LICENSED: templates.DECIDED,
}
HARMLESS = re.compile(
    r"nothing is (redirected|lost|taken)|takes nothing|costs (you )?nothing|all that an original",
    re.IGNORECASE,
)


def check(text: str, cost: Cost) -> None:
    """A text about money names each part of the cost, and denies none."""
    assert ("half" in text) == cost.halves_bonus, text
    assert ("60 %" in text) == bool(cost.redirect_bps), text
    if cost.any:
        assert not HARMLESS.search(text), text


def test_the_cost_is_what_the_rules_of_pay_take() -> None:
    for verdict, cost in COSTS.items():
        full = payout(10_000, Grade.A, Verdict.ORIGINAL, 0)
        paid = payout(10_000, Grade.A, verdict, cost.redirect_bps)
        loses = full.shares.to_poster - paid.shares.to_poster
        assert bool(loses) == bool(cost.redirect_bps or cost.halves_bonus)
        assert cost.halves_bonus == (
            bonus_bps(Grade.A, verdict) == bonus_bps(Grade.A, "original") // 2
        )  # type: ignore[arg-type]


def test_whatever_takes_something_for_good_can_be_appealed() -> None:
    for verdict, cost in COSTS.items():
        assert (verdict in appeals.APPEALABLE) == bool(cost.redirect_bps or cost.halves_bonus)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_cost_in_words(verdict: Verdict) -> None:
    words = in_words(COSTS[verdict])
    check(words, COSTS[verdict])
    assert ("50 % of what it earns waits" in words) == bool(COSTS[verdict].held_bps)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(verdict, reason) for verdict, reasons in REASONS.items() for reason in reasons],
)
def test_explanations(verdict: Verdict, reason: Reason) -> None:
    text = explain(
        verdict=verdict,
        reason=reason,
        similarity_bps=9_800,
        threshold_bps=9_500,
        redirect_bps=COSTS[verdict].redirect_bps,
        media_type="image",
        other="photo.jpg",
        other_creator="alice",
    )
    check(text, COSTS[verdict])


@pytest.mark.parametrize(
    "reason", [Reason.INSUFFICIENT_DETAIL, Reason.INCOMPLETE_SEARCH, Reason.UNKNOWN_CREATOR]
)
def test_explanations_of_what_is_undecided_promise_nothing(reason: Reason) -> None:
    text = explain(
        verdict=Verdict.UNDECIDED,
        reason=reason,
        similarity_bps=9_800,
        threshold_bps=9_500,
        redirect_bps=0,
        media_type="image",
        other="photo.jpg",
        other_creator=None,
        insufficient_detail="it is flat",
    )
    assert not HARMLESS.search(text) and "person" in text


@pytest.mark.parametrize(("verdict", "grade"), [*itertools.product(Verdict, (Grade.A, Grade.B))])
def test_payout_statements(verdict: Verdict, grade: Grade) -> None:
    cost = COSTS[verdict]
    paid = payout(10_000, grade, verdict, cost.redirect_bps)
    facts: dict[str, Any] = {
        "base_minor": 10_000,
        "bonus_minor": paid.bonus,
        "bonus_bps": bonus_bps(grade, verdict),
        "grade": grade,
        "score_bps": 9_000,
        "verdict": verdict,
        "redirect_bps": cost.redirect_bps,
        "held_bps": cost.held_bps,
        "creditor": "alice",
        "to_original_minor": paid.shares.to_original,
        "to_poster_minor": paid.shares.to_poster,
        "contested": bool(cost.redirect_bps or cost.held_bps),
        "frozen": False,
    }
    text = statement.explain_pay(facts)
    check(text, cost)
    assert ("waits" in text) == bool(cost.redirect_bps or cost.held_bps)


@pytest.mark.parametrize("verdict", Verdict)
def test_notices(verdict: Verdict) -> None:
    """Where the body has a slot for the money, the words of the cost fill it."""
    body, cost = NOTICES[verdict].body, COSTS[verdict]
    if "{money}" in body:
        body = body.replace("{money}", in_words(cost))
    check(body.replace("{redirect}", "60 %"), cost)
    assert ("{appeal_link}" in body) == (verdict in appeals.APPEALABLE)
    if cost.held_bps:
        assert "{review_link}" in body and "{decide_by}" in body


@pytest.mark.parametrize("granted", [True, False])
def test_results_of_appeals_against_a_verdict_on_ones_own_work(granted: bool) -> None:
    text = appeals.OWN_GRANTED if granted else appeals.OWN_REFUSED
    assert "$" not in text and ("half" in text) is not granted
