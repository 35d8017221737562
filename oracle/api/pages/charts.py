"""Geometry of the dashboard's charts: bars of SVG, computed from the numbers shown.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from oracle.api.schemas.creators import TotalsView, WeekView

HEIGHT = 134  # for money that comes in; money that goes away is drawn below the line
BELOW = 40
LABEL = 14  # above the highest bar, for its amount
STEP = 60
AXIS = 64  # for the amounts at the left
BAR = 36


@dataclass(frozen=True)
class Block:
    """A rectangle of a kind (base, bonus, to_me, held, away); y grows downwards."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class WeekBar:
    """One week of the chart, with its blocks and the numbers they stand for (cents)."""

    week: date
    x: float
    blocks: tuple[Block, ...]
    numbers: WeekView | None
    total: int
    income: int = 0
    top: float | None = None  # where the bar ends; None without one


@dataclass(frozen=True)
class WeekChart:
    """Weeks beside each other, the latest at the right; ticks are heights and their cents."""

    width: int
    height: int
    line: int
    bars: tuple[WeekBar, ...]
    ticks: tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class Part:
    """A part of a bar: its share of the whole in percent."""

    kind: str
    label: str
    cents: int
    percent: float


def week_chart(weeks: Sequence[WeekView], last: date, number: int) -> WeekChart:
    """Chart the weeks up to the one of `last`; weeks without money are left empty."""
    known = {week.week: week for week in weeks}
    shown = [last - timedelta(weeks=back) for back in reversed(range(number))]
    top = max([_income(known[week]) for week in shown if week in known] + [1])
    deep = max([known[week].redirected_away for week in shown if week in known] + [0])
    room = HEIGHT - LABEL
    scale = min(room / top, BELOW / deep if deep else room / top)
    bars = tuple(
        _week_bar(week, known.get(week), AXIS + n * STEP, scale) for n, week in enumerate(shown)
    )
    step = _tick(top)
    ticks = tuple((round(HEIGHT - at * scale, 1), at) for at in range(step, top + 1, step))
    return WeekChart(AXIS + number * STEP, HEIGHT + BELOW + 24, HEIGHT, bars, ticks)


def money_bar(totals: TotalsView) -> tuple[Part, ...]:
    """Split all money that ever came in by where it is now; the parts add up to it."""
    parts = {
        "available": ("Available", totals.available),
        "held": ("Held", totals.held),
        "away": ("Redirected away", totals.redirected_away),
    }
    whole = sum(cents for _, cents in parts.values())
    return tuple(
        Part(kind, label, cents, round(100 * cents / whole, 2))
        for kind, (label, cents) in parts.items()
        if cents
    )


def _tick(top: int) -> int:
    """Choose the distance of ticks, in cents: 1, 2 or 5 times a power of ten, at most four."""
    power: int = 10 ** max(0, len(str(top // 4 or 1)) - 1)
    return next(power * step for step in (1, 2, 5, 10) if power * step * 4 >= top)


def _income(week: WeekView) -> int:
    return week.base + week.bonus + week.redirected_to_me


def _week_bar(week: date, numbers: WeekView | None, x: float, scale: float) -> WeekBar:
    if numbers is None:
        return WeekBar(week, x, (), None, 0)
    left, y = x + (STEP - BAR) / 2, float(HEIGHT)
    blocks = []
    for kind, cents in (
        ("base", numbers.base),
        ("bonus", numbers.bonus),
        ("to_me", numbers.redirected_to_me),
    ):
        height = cents * scale
        y -= height
        if height:
            blocks.append(Block(kind, left, round(y, 1), BAR, round(height, 1)))
    if numbers.held:  # hatched over the lower part of the income
        height = numbers.held * scale
        blocks.append(Block("held", left, round(HEIGHT - height, 1), BAR, round(height, 1)))
    if numbers.redirected_away:
        blocks.append(Block("away", left, HEIGHT, BAR, round(numbers.redirected_away * scale, 1)))
    income = _income(numbers)
    return WeekBar(
        week, x, tuple(blocks), numbers, income - numbers.redirected_away, income, round(y, 1)
    )
