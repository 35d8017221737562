"""The table of the rules, as it is booked."""

import json
from pathlib import Path

import pytest

from oracle.payouts import ledger
from oracle.payouts.ledger import Bucket, Contest, Entry, Posting, Terms
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade

POSTER, FIRST = 1, 2
VECTORS = json.loads(Path("tests/vectors/rules.json").read_text())
COPY = Terms(Verdict.DERIVATIVE, 6_000, FIRST)


def balances(postings: list[Posting]) -> dict[tuple[int, str], int]:
    found: dict[tuple[int, str], int] = {}
    for posting in postings:
        key = (posting.creator_id, str(posting.bucket))
        found[key] = found.get(key, 0) + posting.amount_minor
    return {key: amount for key, amount in found.items() if amount}


@pytest.mark.parametrize("row", VECTORS["bonus"], ids=str)
def test_the_bonus_table_is_booked_to_the_cent(row: dict[str, object]) -> None:
    terms = Terms(Verdict(str(row["outcome"])))
    _, postings = ledger.pay(POSTER, int(str(row["basePay"])), Grade(str(row["grade"])), terms)
    assert balances(postings) == {
        (POSTER, "budget"): -int(str(row["total"])),
        (POSTER, "available"): row["total"],
    }


def test_the_redirect_is_taken_from_base_and_bonus_together() -> None:
    paid, postings = ledger.pay(POSTER, 10_000, Grade.A, COPY)
    assert (paid.bonus, paid.shares.to_original, paid.shares.to_poster) == (1_000, 6_600, 4_400)
    assert balances(postings) == {
        (POSTER, "budget"): -11_000,
        (POSTER, "available"): 4_400,
        (FIRST, "available"): 6_600,
    }


def test_a_share_that_can_be_disputed_waits_and_so_does_frozen_money() -> None:
    terms = Terms(Verdict.DERIVATIVE, 6_000, FIRST, final=False, frozen=True)
    _, postings = ledger.pay(POSTER, 10_000, Grade.A, terms)
    assert balances(postings) == {
        (POSTER, "budget"): -11_000,
        (POSTER, "contested"): 6_600,
        (POSTER, "frozen"): 4_400,
    }


def test_what_a_copy_would_cost_waits_while_it_is_undecided() -> None:
    terms = Terms(Verdict.UNDECIDED, final=False, held_bps=6_000)
    paid, postings = ledger.pay(POSTER, 10_000, Grade.A, terms)
    assert (paid.bonus, paid.shares.to_original) == (2_000, 7_200), "it counts as original"
    assert balances(postings) == {
        (POSTER, "budget"): -12_000,
        (POSTER, "available"): 4_800,
        (POSTER, "contested"): 7_200,
    }
    copy = Terms(Verdict.DERIVATIVE, 5_000, FIRST)
    assert balances(ledger.settle_contest(POSTER, Contest(7_200, 12_000), copy)) == {
        (POSTER, "contested"): -7_200,
        (POSTER, "available"): 1_200,
        (FIRST, "available"): 6_000,
    }


def test_a_won_appeal_gives_back_what_was_held() -> None:
    postings = ledger.settle_contest(POSTER, Contest(6_600, 11_000), Terms(Verdict.ORIGINAL))
    assert balances(postings) == {(POSTER, "contested"): -6_600, (POSTER, "available"): 6_600}


def test_a_redirect_that_rose_takes_no_more_than_was_held() -> None:
    postings = ledger.settle_contest(
        POSTER, Contest(6_600, 11_000), Terms(Verdict.DERIVATIVE, 9_000, FIRST)
    )
    assert balances(postings) == {(POSTER, "contested"): -6_600, (FIRST, "available"): 6_600}


def test_a_redirect_that_fell_gives_the_rest_back_and_a_freeze_holds_it() -> None:
    terms = Terms(Verdict.DERIVATIVE, 2_000, FIRST, frozen=True)
    postings = ledger.settle_contest(POSTER, Contest(6_600, 11_000), terms)
    assert balances(postings) == {
        (POSTER, "contested"): -6_600,
        (FIRST, "available"): 2_200,
        (POSTER, "frozen"): 4_400,
    }


SET_OFF = [
    # earned, owed, terms -> left out of what the contract pays
    (5_000, 2_000, Terms(Verdict.ORIGINAL), 2_000),
    (5_000, 9_000, Terms(Verdict.SELF_DUPLICATE), 5_000),  # never more than there is
    (5_000, -300, Terms(Verdict.LICENSED), -300),  # what came back is paid besides
    (5_000, 0, Terms(Verdict.ORIGINAL), 0),
    (0, 2_000, Terms(Verdict.ORIGINAL), 0),
    (-700, 2_000, Terms(Verdict.ORIGINAL), 0),  # a second correction owes by itself
    (5_000, 2_000, COPY, 0),  # the original's share of these 20.00 would be left out, too
    (5_000, 2_000, Terms(Verdict.DERIVATIVE, 6_000, FIRST, final=False), 0),
    (5_000, 2_000, Terms(Verdict.DERIVATIVE), 2_000),  # nothing of it is redirected
    (5_000, 2_000, Terms(Verdict.UNDECIDED, final=False, held_bps=6_000), 0),  # it may be
    (5_000, 2_000, Terms(Verdict.UNDECIDED, held_bps=6_000), 2_000),  # nobody claimed it in time
    (5_000, -300, COPY, 0),  # what came back waits for undivided pay as well
]


@pytest.mark.parametrize(("earned", "owed", "terms", "left_out"), SET_OFF)
def test_what_is_owed_is_left_out_of_pay_that_is_the_posters_alone(
    earned: int, owed: int, terms: Terms, left_out: int
) -> None:
    assert ledger.set_off(earned, owed, terms) == left_out


def test_nothing_is_booked_for_nothing() -> None:
    assert ledger.pay(POSTER, 0, Grade.A, COPY)[1] == []
    assert ledger.release(POSTER, 0) == []


def test_only_a_copy_of_a_known_creators_work_redirects() -> None:
    for verdict, creditor in (
        (Verdict.ORIGINAL, FIRST),
        (Verdict.UNDECIDED, FIRST),
        (Verdict.DERIVATIVE, None),
    ):
        with pytest.raises(ValueError, match="redirects"):
            Terms(verdict, 1, creditor)


def test_totals_show_both_sides_of_a_redirect() -> None:
    postings = ledger.pay(POSTER, 10_000, Grade.A, COPY)[1]
    mine, theirs = ledger.totals(POSTER, postings), ledger.totals(FIRST, postings)
    assert (mine.earned, mine.redirected_away, mine.available, mine.held) == (
        11_000,
        6_600,
        4_400,
        0,
    )
    assert (theirs.earned, theirs.redirected_to_me, theirs.available) == (0, 6_600, 6_600)
    assert mine.balances
    assert theirs.balances
    assert not ledger.totals(POSTER, [Posting(POSTER, Bucket.AVAILABLE, Entry.FREEZE, 1)]).balances
