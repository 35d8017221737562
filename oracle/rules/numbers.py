"""Numbers as people read them. Pure."""

BPS = 10_000


def percent(bps: int) -> str:
    """Basis points as a percentage, cut to what is there: 9800 -> '98 %', 9872 -> '98.72 %'."""
    return f"{bps / 100:.2f}".rstrip("0").rstrip(".") + " %"
