"""When a reference looks bad. Pure."""

from datetime import timedelta

# What comes together so fast is rarely so many thefts.
ALARM_SPAN = timedelta(days=1)


def is_alarming(creators: int, limit: int) -> bool:
    """Whether a work that made copyists of so many creators within `ALARM_SPAN` is to be looked at.

    A template, a stock picture or a test card matches many creators at once; a theft few.

    Args:
        limit: from so many on; 0 never.
    """
    return 0 < limit <= creators
