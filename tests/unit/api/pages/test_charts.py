"""Bars are as long as the money they stand for."""

from datetime import date, timedelta

from oracle.api.pages import charts
from oracle.api.schemas.creators import TotalsView, WeekView

MONDAY = date(2026, 11, 16)


def week(back: int, **cents: int) -> WeekView:
    given = {"base": 0, "bonus": 0, "redirected_to_me": 0, "redirected_away": 0, "held": 0} | cents
    return WeekView(week=MONDAY - timedelta(weeks=back), **given)


def test_blocks_stack_up_to_the_income_and_hang_down_by_what_went_away() -> None:
    chart = charts.week_chart(
        [
            week(0, base=600, bonus=300, redirected_to_me=300, held=300, redirected_away=120),
            week(1, base=600),
        ],
        MONDAY,
        4,
    )
    assert [bar.week for bar in chart.bars] == [MONDAY - timedelta(weeks=n) for n in (3, 2, 1, 0)]
    blocks = {block.kind: block for block in chart.bars[3].blocks}
    assert [blocks[kind].height for kind in ("base", "bonus", "to_me", "held", "away")] == [
        60,
        30,
        30,
        30,
        12,
    ]
    assert blocks["to_me"].y == charts.LABEL
    assert chart.ticks[-1] == (charts.HEIGHT - 100, 1_000)
    assert (
        blocks["base"].y + blocks["base"].height
        == blocks["held"].y + blocks["held"].height
        == chart.line
    )
    assert blocks["away"].y == chart.line
    assert chart.bars[3].total == 1_080
    assert chart.bars[0].blocks == ()


def test_everything_fits_even_where_all_of_it_went_away() -> None:
    chart = charts.week_chart([week(0, base=100, redirected_away=5_000)], MONDAY, 1)
    for block in chart.bars[0].blocks:
        assert 0 <= block.y <= block.y + block.height <= chart.line + charts.BELOW


def test_an_empty_chart_is_no_error() -> None:
    assert all(bar.blocks == () for bar in charts.week_chart([], MONDAY, 12).bars)


def test_the_parts_of_the_money_are_all_of_it() -> None:
    totals = TotalsView(
        earned=900,
        redirected_to_me=100,
        redirected_away=250,
        available=600,
        held=150,
        contested=100,
        frozen=50,
    )
    parts = charts.money_bar(totals)
    assert [(part.kind, part.percent) for part in parts] == [
        ("available", 60),
        ("held", 15),
        ("away", 25),
    ]
    assert sum(part.cents for part in parts) == totals.earned + totals.redirected_to_me
