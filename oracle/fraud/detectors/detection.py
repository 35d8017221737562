"""One run of all detectors over one span of events.

Pure: the caller passes the events and the history in.
"""

from collections.abc import Callable

from oracle.fraud.detectors import (
    bulk_accounts,
    bursts,
    gifting,
    referrers,
    shared_devices,
    user_agents,
)
from oracle.fraud.detectors.bursts import History
from oracle.fraud.detectors.combine import Finding, combine
from oracle.fraud.detectors.events import Codes, Events
from oracle.fraud.detectors.signals import Signal
from oracle.fraud.detectors.thresholds import Thresholds

HistoryOf = Callable[[Codes], History]


def signals(events: Events, history_of: HistoryOf, thresholds: Thresholds) -> list[Signal]:
    """Return the signals of all detectors.

    Args:
        history_of: Called once, with the creators whose earlier hours are needed.
    """
    history = history_of(bursts.candidates(events, thresholds.burst))
    return [
        *user_agents.detect(events, thresholds.user_agents),
        *referrers.detect(events, thresholds.referrers),
        *bursts.detect(events, history, thresholds.burst),
        *bulk_accounts.detect(events, thresholds.bulk_accounts),
        *shared_devices.detect(events, thresholds.shared_devices),
        *gifting.detect(events, thresholds.gifting),
    ]


def detect(events: Events, history_of: HistoryOf, thresholds: Thresholds) -> list[Finding]:
    """Return what the signals at each subject add up to."""
    return combine(signals(events, history_of, thresholds), thresholds.combine)
