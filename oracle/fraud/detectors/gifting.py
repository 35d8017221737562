"""Suspicious gifting: gifts to oneself, gifts that circulate, or many first-time givers of the same
large sum. All of it concerns money that the receiver has, or that was the giver's own: a person
looks first, as friends, charities and enemies give as well.
"""

import numpy as np

from oracle.fraud.detectors.arrays import Floats, Ints, pairs, tally, total, wilson_lower_bound
from oracle.fraud.detectors.circles import strong_components
from oracle.fraud.detectors.events import HOUR_S, Codes, Events, Kind
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import GiftingLimits

MAD_TO_SIGMA = 1.4826


def detect(events: Events, limits: GiftingLimits) -> list[Signal]:
    """Find creators whose gifts circulate, or come from first-time givers of equal large sums."""
    chosen = (events.kind == Kind.GIFT) & (events.creator >= 0) & (events.value > 0)
    gifts, rows = events.where(chosen), np.flatnonzero(chosen)
    if not len(gifts):
        return []
    return [
        *_to_oneself(gifts, rows, limits),
        *_circles(gifts, rows, limits),
        *_first_timers(gifts, rows, limits),
    ]


def _to_oneself(gifts: Events, rows: Ints, limits: GiftingLimits) -> list[Signal]:
    own = (gifts.account >= 0) & (gifts.accounts.creator[gifts.account] == gifts.creator)
    value = total(gifts.creator[own], gifts.value[own], gifts.creators)
    whole = total(gifts.creator, gifts.value, gifts.creators)
    signals = []
    for number in np.flatnonzero(value >= limits.min_circle):
        flagged = own & (gifts.creator == number)
        n, of = int(value[number]), int(whole[number])
        signals.append(
            Signal(
                name=SignalName.GIFTING,
                subject=Subject(SubjectKind.CREATOR, int(number)),
                score=n / of,
                grounds=frozenset({Ground.MONEY}),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "pattern": "to_oneself",
                    "gifts": int(flagged.sum()),
                },
                sentence=(
                    f"{percent(n, of)} % of the value of the gifts came from the account that"
                    " received them."
                ),
                first_s=int(gifts.at_s[flagged].min()),
                last_s=int(gifts.at_s[flagged].max()),
                events=rows[flagged],
                accounts=distinct(gifts.account[flagged]),
                knowing=True,
            )
        )
    return signals


def _circles(gifts: Events, rows: Ints, limits: GiftingLimits) -> list[Signal]:
    own = _account_of(gifts)
    giver, creator, _ = pairs(gifts.account, gifts.creator)
    key = gifts.account.astype(np.int64) * gifts.creators + gifts.creator
    value = np.bincount(np.searchsorted(giver * gifts.creators + creator, key), weights=gifts.value)
    receiver = own[creator]
    edge = (value >= limits.edge_floor) & (receiver >= 0)
    circle = strong_components(giver[edge], receiver[edge])
    member_of = np.full(len(gifts.accounts), -1, np.int64)
    for order, members in enumerate(m for m in circle if len(m) <= limits.largest_circle):
        member_of[members] = order
    inside = (
        edge & (receiver >= 0) & (member_of[giver] >= 0) & (member_of[giver] == member_of[receiver])
    )
    received_in_circle = total(creator[inside], value[inside], gifts.creators)
    # What the creator's own account gave to others of the same circle.
    giver_creator = gifts.accounts.creator[giver]
    given_in_circle = total(np.where(inside, giver_creator, -1), value, gifts.creators)
    received_total = total(creator, value, gifts.creators)
    partners = tally(creator[inside], gifts.creators)
    circulated = np.minimum(received_in_circle, given_in_circle)
    share = circulated / np.maximum(received_total, 1)
    signals = []
    for number in np.flatnonzero(
        (circulated >= limits.min_circle) & (share >= limits.min_circle_share)
    ):
        flagged = (gifts.creator == number) & np.isin(
            gifts.account, giver[inside & (creator == number)]
        )
        n, of, people = int(circulated[number]), int(received_total[number]), int(partners[number])
        size = int((member_of == member_of[own[number]]).sum())
        signals.append(
            Signal(
                name=SignalName.GIFTING,
                subject=Subject(SubjectKind.CREATOR, int(number)),
                score=float(min(share[number], 1.0)),
                grounds=frozenset({Ground.MONEY}),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "pattern": "circle",
                    "circle_size": size,
                    "partners": people,
                    "given_back": int(given_in_circle[number]),
                },
                sentence=(
                    f"{percent(n, of)} % of the value of the gifts went round in a circle of {size}"
                    " accounts: what came in as gifts went out again as gifts."
                ),
                first_s=int(gifts.at_s[flagged].min()),
                last_s=int(gifts.at_s[flagged].max()),
                events=rows[flagged],
                accounts=distinct(gifts.account[flagged]),
                knowing=True,
            )
        )
    return signals


def _first_timers(gifts: Events, rows: Ints, limits: GiftingLimits) -> list[Signal]:
    creator, giver, _ = pairs(gifts.creator, gifts.account)
    newest = gifts.start_s - limits.first_timer_age_h * HOUR_S
    first = (gifts.accounts.signed_up_s > newest) & ~gifts.accounts.gifted_before
    count = tally(creator[first[giver]], gifts.creators)
    everyone = tally(creator, gifts.creators)
    share = wilson_lower_bound(count, everyone)
    z = _value_z(gifts)
    signals = []
    for number in np.flatnonzero(
        (count >= limits.min_first_timers) & (share >= limits.first_timer_share)
    ):
        flagged = (gifts.creator == number) & first[gifts.account]
        values, times = np.unique(gifts.value[flagged], return_counts=True)
        same = float(times.max() / times.sum())
        # A charity stream attracts first-time givers as well, but they give varying sums.
        if same < limits.same_value_share or z[number] < limits.value_z:
            continue
        if gifts.value[flagged].sum() < limits.min_circle:
            continue  # anybody can send a few small gifts to somebody else
        n, of, commonest = int(count[number]), int(everyone[number]), int(values[times.argmax()])
        signals.append(
            Signal(
                name=SignalName.GIFTING,
                subject=Subject(SubjectKind.CREATOR, int(number)),
                score=float(share[number]),
                grounds=frozenset({Ground.MONEY}),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "pattern": "first_timers",
                    "same_value_percent": round(100 * same, 1),
                    "commonest_value": commonest,
                    "value_z": round(float(z[number]), 1),
                },
                sentence=(
                    f"{n} of {of} givers were new and had never given before, and"
                    f" {round(100 * same)} % of their gifts had exactly the same value."
                ),
                first_s=int(gifts.at_s[flagged].min()),
                last_s=int(gifts.at_s[flagged].max()),
                events=rows[flagged],
                accounts=distinct(gifts.account[flagged]),
            )
        )
    return signals


def _value_z(gifts: Events) -> Floats:
    """Return (creators,) the robust z of the logarithm of what each received, among recipients."""
    received = total(gifts.creator, gifts.value, gifts.creators)
    some = received > 0
    logs = np.log(np.maximum(received, 1.0))
    middle = float(np.median(logs[some]))
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(logs[some] - middle))), 0.25)
    return np.where(some, (logs - middle) / spread, 0.0)


def _account_of(gifts: Events) -> Codes | Ints:
    own = np.full(gifts.creators, -1, np.int64)
    is_creator = gifts.accounts.creator >= 0
    own[gifts.accounts.creator[is_creator]] = np.flatnonzero(is_creator)
    return own
