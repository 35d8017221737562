"""Money in words: every number of a sentence is a stored fact, and the sums can be done again."""

import csv
from datetime import UTC, date, datetime
from typing import Any

import pytest
from support.pages import assert_says

from oracle.payouts import statement
from storage.ledger.views import Line

FACTS = {
    "base_minor": 10_000,
    "bonus_minor": 1_000,
    "bonus_bps": 1_000,
    "grade": "A",
    "score_bps": 8_600,
    "verdict": "derivative",
    "redirect_bps": 6_000,
    "to_original_minor": 6_600,
    "to_poster_minor": 4_400,
    "creditor": "tom",
    "contested": False,
    "frozen": False,
}


def a_line(facts: dict[str, Any], **changes: Any) -> Line:
    given: dict[str, Any] = {
        "transaction_id": 7,
        "booked_at": datetime(2026, 11, 20, tzinfo=UTC),
        "week": date(2026, 11, 16),
        "kind": "pay",
        "entry": "base",
        "bucket": "available",
        "amount_minor": 10_000,
        "post_id": bytes(32),
        "title": "Clip",
        "counterparty": None,
        "facts": facts,
    }
    return Line(**given | changes)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (123_450, "$1,234.50"), (-5, "−$0.05"), (-100_000, "−$1,000.00")],
)
def test_cents_as_people_write_them(cents: int, text: str) -> None:
    assert statement.dollars(cents) == text


def test_a_payment_is_a_sum_that_anybody_can_do_again() -> None:
    assert statement.explain_pay(FACTS) == (
        "Grade A (86 %), a copy of an earlier work: 10 % of $100.00 is $10.00 on top, half of an"
        " original's. $100.00 + $10.00 = $110.00. Of that, 60 % = $66.00 goes to tom, and $44.00 is"
        " yours."
    )
    plain = FACTS | {
        "bonus_bps": 0,
        "bonus_minor": 0,
        "grade": "C",
        "verdict": "original",
        "redirect_bps": 0,
    }
    assert statement.explain_pay(plain) == "Grade C (86 %), original: $100.00 without a bonus."
    held = statement.explain_pay(FACTS | {"contested": True, "frozen": True})
    assert "waits for the end of the time to dispute, then goes to tom" in held
    assert "$44.00 waits while an alert is looked into; it is not taken away." in held


@pytest.mark.parametrize(
    ("kind", "entry", "facts", "words"),
    [
        (
            "correction",
            "bonus",
            {
                "was": "B",
                "grade": "A",
                "bonus_bps": 2_000,
                "base_minor": 100,
                "bonus_minor": 20,
                "amount_minor": 10,
                "to_original_minor": 0,
                "to_poster_minor": 10,
                "reason": None,
            },
            "The grade went from B to A. With 20 % of $1.00 as bonus it earned $1.20 in all, and"
            " $0.10 was missing.",
        ),
        (
            "contest_settled",
            "redirect",
            {"redirect_bps": 6_000, "verdict": "derivative"},
            "60 % goes to tom",
        ),
        ("contest_settled", "contest", {"redirect_bps": 0, "verdict": "original"}, "paid back"),
        ("release", "freeze", {"held_minor": 500}, "$5.00 waits no longer"),
    ],
)
def test_every_kind_of_line_has_its_reason(
    kind: str, entry: str, facts: dict[str, Any], words: str
) -> None:
    line = a_line(facts, kind=kind, entry=entry, amount_minor=-1, counterparty="tom")
    assert words in statement.explain(line)


PLAIN = FACTS | {
    "verdict": "original",
    "redirect_bps": 0,
    "bonus_bps": 2_000,
    "bonus_minor": 2_000,
    "to_original_minor": 0,
    "to_poster_minor": 12_000,
}
CORRECTED = {
    "was": "A",
    "grade": "A",
    "bonus_bps": 2_000,
    "base_was_minor": 5_000,
    "base_minor": 50_000,
    "bonus_minor": 10_000,
    "amount_minor": 54_000,
    "to_original_minor": 0,
    "to_poster_minor": 54_000,
    "reason": "An advertiser was billed anew.",
}
LESS = CORRECTED | {
    "base_was_minor": 10_000,
    "base_minor": 5_000,
    "bonus_minor": 1_000,
    "amount_minor": -6_000,
    "to_poster_minor": -6_000,
}
FRAUD = LESS | {"reason": "Views that do not count are not paid."}
CHARGEBACK = {
    "amount_minor": -2_000,
    "to_original_minor": 0,
    "to_poster_minor": -2_000,
    "reason": "A fan took her gift back.",
}
MONEY: dict[str, tuple[str, dict[str, Any]]] = {
    "a week of an original": ("pay", PLAIN),
    "a week of a copy": ("pay", FACTS),
    "the same, while it can be disputed": ("pay", FACTS | {"contested": True}),
    "views that do not count": ("pay", PLAIN | {"lost_minor": 500, "announced_minor": 10_500}),
    "a part that waits for an alert": (
        "pay",
        PLAIN | {"held_minor": 500, "announced_minor": 10_500},
    ),
    "a post on hold": ("pay", PLAIN | {"frozen": True}),
    "pay after a refund": ("pay", PLAIN | {"set_off_minor": 2_000}),
    "an advertiser who paid late": ("correction", CORRECTED),
    "a refund": ("correction", LESS | {"reason": "A refund."}),
    "a refund of a copy's week": (
        "correction",
        LESS | {"to_poster_minor": -2_400, "reason": "A refund."},
    ),
    "confirmed fraud": ("correction", FRAUD),
    "confirmed fraud that takes the grade, too": (
        "correction",
        FRAUD | {"grade": "C", "bonus_bps": 0, "bonus_minor": 0, "amount_minor": -7_000,
                 "to_poster_minor": -7_000},
    ),
    "an alert that was overturned": (
        "correction",
        LESS | {"base_was_minor": 5_000, "base_minor": 10_000, "bonus_minor": 2_000,
                "amount_minor": 6_000, "to_poster_minor": 6_000,
                "reason": "Views that were left out count again."},
    ),
    "a gift that was charged back": ("adjustment", CHARGEBACK),
    "a verdict that became final": ("contest_settled", {"redirect_bps": 0, "verdict": "original"}),
    "a hold that ended": ("release", {"held_minor": 500}),
}  # fmt: skip


def test_the_page_says_what_creators_read_of_their_money() -> None:
    lines = [
        f"- **{name[0].upper()}{name[1:]}**: {statement.explain(a_line(facts, kind=kind))}"
        for name, (kind, facts) in MONEY.items()
    ]
    assert_says("stories.md", "money", "\n".join(lines) + "\n")


def test_the_other_side_of_a_redirect_has_words_of_its_own() -> None:
    line = a_line(FACTS, entry="redirect", amount_minor=6_600, counterparty="maya")
    assert statement.explain(line).startswith("60 % of what maya's post earned goes to you")


def test_a_statement_is_csv_with_exact_amounts_and_no_formulas() -> None:
    lines = [
        a_line(FACTS, title="=1+1"),
        a_line(FACTS, amount_minor=-5, title='say "hi", all', post_id=None),
    ]
    header, one, other = csv.reader(statement.statement_csv(lines))
    assert header == list(statement.COLUMNS)
    named = [dict(zip(header, row, strict=True)) for row in (one, other)]
    assert [row["amount"] for row in named] == ["100.00", "-0.05"]
    assert [row["title"] for row in named] == ["'=1+1", 'say "hi", all']
    assert named[0]["post_id"] == "0x" + "00" * 32
    assert named[1]["post_id"] == ""


def test_what_is_expected_follows_the_shared_rules() -> None:
    assert statement.expected_pay(10_000, "A", "derivative", 6_000) == {
        "base": 10_000,
        "bonus": 1_000,
        "bonus_bps": 1_000,
        "redirected_away": 6_600,
        "net": 4_400,
    }
    assert statement.expected_pay(10_000, None, None, 6_000)["net"] == 10_000
