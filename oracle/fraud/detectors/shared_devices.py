"""Shared devices: many accounts on few devices.

Families and classrooms share devices too, so a household's number of accounts is allowed.
"""

import numpy as np

from oracle.fraud.detectors.arrays import Ints, components, pairs, tally, total, wilson_lower_bound
from oracle.fraud.detectors.events import Events, Kind, Mask
from oracle.fraud.detectors.shares import Part, Words, large_shares
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import SharedDeviceLimits

MIN_GIVERS = 6


def crowds(events: Events, limits: SharedDeviceLimits) -> Ints:
    """Return (accounts,) the code of the crowd each account belongs to, -1 for none.

    A crowd is a connected component of the graph of accounts and crowded devices: those with more
    accounts than a household has. Devices within the allowance connect no accounts, otherwise one
    visit at a friend's would.
    """
    device, account, _ = pairs(events.device, events.account)
    crowd_of = np.full(len(events.accounts), -1, np.int64)
    if not len(device):
        return crowd_of
    crowded = tally(device, int(device.max()) + 1) > limits.household
    keep = crowded[device]
    if not keep.any():
        return crowd_of
    size = len(events.accounts)
    label = components(account[keep], device[keep] + size, size + len(crowded))
    crowd_of[account[keep]] = label[account[keep]]
    return crowd_of


def detect(events: Events, limits: SharedDeviceLimits) -> list[Signal]:
    """Find posts with many viewers, and creators with many givers, from crowds on few devices."""
    crowd = crowds(events, limits)
    if not (crowd >= 0).any():
        return []
    return _posts(events, crowd, limits) + _givers(events, crowd, limits)


def _posts(events: Events, crowd: Ints, limits: SharedDeviceLimits) -> list[Signal]:
    views = events.views()
    inside = _crowded_here(views, (views.account >= 0) & (crowd[views.account] >= 0), limits)

    def describe(part: Part) -> Words | None:
        people, devices = len(distinct(part.views.account)), len(distinct(part.views.device))
        if people < limits.min_accounts:
            return None
        certain = (
            people >= limits.certain_accounts
            and part.share >= limits.certain_share
            and people / devices >= limits.certain_per_device
        )
        return Words(
            sentence=f"{part.count} of {part.total} views came from {people} accounts on {devices}"
            f" devices; a family shares one device among {limits.household} accounts at most.",
            facts={
                "accounts": people,
                "devices": devices,
                "per_device": round(people / devices, 1),
            },
            doubtful=people >= limits.certain_accounts
            and people / devices >= limits.certain_per_device,
            beyond_doubt=certain,
        )

    return list(
        large_shares(
            events,
            inside,
            name=SignalName.SHARED_DEVICES,
            ground=Ground.DEVICES,
            min_views=limits.min_accounts,
            min_share=limits.min_share,
            describe=describe,
        )
    )


def _crowded_here(views: Events, inside: Mask, limits: SharedDeviceLimits) -> Mask:
    """Return the views by devices that brought several accounts to the very same post.

    A farm's accounts also visit other posts to look genuine; those posts must not be blamed.
    """
    device_at_post = np.where(
        inside & (views.device >= 0), views.post.astype(np.int64) * (1 << 32) + views.device, -1
    )
    keys, which = np.unique(device_at_post, return_inverse=True)
    key, _, _ = pairs(np.where(device_at_post >= 0, which, -1), views.account)
    crowded = tally(key, len(keys)) >= limits.crowd_on_post
    from_crowd: Mask = inside & crowded[which]
    return from_crowd


def _givers(events: Events, crowd: Ints, limits: SharedDeviceLimits) -> list[Signal]:
    rows = np.flatnonzero((events.kind == Kind.GIFT) & (events.creator >= 0))
    gifts = events.where((events.kind == Kind.GIFT) & (events.creator >= 0))
    inside = crowd[gifts.account] >= 0
    creator, account, _ = pairs(gifts.creator, gifts.account)
    givers = tally(creator[crowd[account] >= 0], events.creators)
    everyone = tally(creator, events.creators)
    value = total(gifts.creator[inside], gifts.value[inside], events.creators)
    whole = total(gifts.creator, gifts.value, events.creators)
    share = wilson_lower_bound(givers, everyone)
    signals = []
    for number in np.flatnonzero((givers >= MIN_GIVERS) & (share >= limits.min_share)):
        flagged = inside & (gifts.creator == number)
        devices = len(np.unique(gifts.device[flagged]))
        n, of = int(givers[number]), int(everyone[number])
        signals.append(
            Signal(
                name=SignalName.SHARED_DEVICES,
                subject=Subject(SubjectKind.CREATOR, int(number)),
                score=float(share[number]),
                grounds=frozenset({Ground.DEVICES}),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "devices": devices,
                    "value": int(value[number]),
                    "value_total": int(whole[number]),
                },
                sentence=(
                    f"{n} of the {of} accounts that gave gifts did so from {devices} devices that"
                    " many accounts share."
                ),
                first_s=int(gifts.at_s[flagged].min()),
                last_s=int(gifts.at_s[flagged].max()),
                events=rows[flagged],
                accounts=distinct(gifts.account[flagged]),
            )
        )
    return signals
