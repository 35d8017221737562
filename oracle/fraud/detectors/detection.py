"""One run of all detectors over one span of events. Pure."""

from oracle.fraud.detectors import (
    addresses,
    bulk_accounts,
    gifting,
    lockstep,
    referrers,
    shared_devices,
    user_agents,
)
from oracle.fraud.detectors.combine import Finding, combine
from oracle.fraud.detectors.events import Events
from oracle.fraud.detectors.signals import Signal
from oracle.fraud.detectors.thresholds import Thresholds


def signals(events: Events, thresholds: Thresholds) -> list[Signal]:
    """Return the signals of all detectors."""
    return [
        *user_agents.detect(events, thresholds.user_agents),
        *referrers.detect(events, thresholds.referrers),
        *addresses.detect(events, thresholds.addresses),
        *addresses.detect_unknown(events, thresholds.unknown),
        *bulk_accounts.detect(events, thresholds.bulk_accounts),
        *shared_devices.detect(events, thresholds.shared_devices),
        *lockstep.detect(events, thresholds.lockstep),
        *gifting.detect(events, thresholds.gifting),
    ]


def detect(events: Events, thresholds: Thresholds) -> list[Finding]:
    """Return what the signals at each subject add up to."""
    return combine(signals(events, thresholds), thresholds.combine)
