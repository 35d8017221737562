"""The platform's currency: chosen once a process, before anything is written or shown.

Amounts are whole hundredths of it everywhere.
"""

from babel.numbers import get_currency_symbol

_chosen = ["USD"]


def use(code: str) -> None:
    """Use a currency from now on. Args: code: ISO 4217."""
    _chosen[0] = code


def code() -> str:
    """Return the currency in use (ISO 4217)."""
    return _chosen[0]


def amount(minor: int, minus: str = "-") -> str:
    """Format hundredths for people: $1,234.50, -€0.05, CHF 3.00."""
    symbol = get_currency_symbol(_chosen[0], "en")
    space = " " if symbol[-1].isalpha() else ""
    whole, cents = divmod(abs(minor), 100)
    return f"{minus if minor < 0 else ''}{symbol}{space}{whole:,}.{cents:02d}"
