"""Burst spikes: far more views than usual at that hour of the week, or a slow lift, by untypical
viewers.

Many views at once are what every creator hopes for. A burst becomes a signal only if its viewers
differ from those of a viral post: they do not watch, they all come one way, or they all signed up
just before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oracle.fraud.detectors.arrays import Floats, pairs, tally, total
from oracle.fraud.detectors.events import DAY_S, HOUR_S, Codes, Events
from oracle.fraud.detectors.referrers import host_codes
from oracle.fraud.detectors.signals import Ground, Signal, SignalName, Subject, SubjectKind
from oracle.fraud.detectors.thresholds import BurstLimits

WEEK_H = 168
MAD_TO_SIGMA = 1.4826  # of a normal distribution
MIN_POST_SHARE = 0.2  # of its creator's views in the burst
GROUND_WORDS = {
    Ground.RETENTION: "hardly watched",
    Ground.SOURCES: "all came the same way",
    Ground.NEW_ACCOUNTS: "had signed up just before",
}


@dataclass(frozen=True, slots=True)
class History:
    """Views by hour before the span.

    Attributes:
        creator: (n,) codes.
        hourly: (n, hours) int32; the last column is the hour before `Events.start_s`, hours a
            multiple of 168.
    """

    creator: Codes
    hourly: NDArray[np.int32]


def candidates(events: Events, limits: BurstLimits) -> Codes:
    """Return the codes of creators with an hour busy enough for a burst: only they need history."""
    views = events.views()
    hours = _hours(events)
    creator, _, count = pairs(views.creator, (views.at_s - events.start_s) // HOUR_S)
    steady = tally(views.creator, events.creators) >= limits.min_hourly * max(hours // 3, 1)
    busy = tally(creator[count >= limits.min_hourly], events.creators) > 0
    return np.flatnonzero(busy | steady).astype(np.int32)


def hot_hours(
    hourly: NDArray[np.int32], now: NDArray[np.int32], limits: BurstLimits
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Find hours that stand out against the same hour of earlier weeks.

    Args:
        hourly: (n, weeks * 168) earlier counts, the last column just before the first of `now`.
        now: (n, h) counts.
    Returns: (n, h) whether it is a burst; (n, h) the robust z: distance from the median in units of
        1.4826 MAD, at least the Poisson spread; and (n, h) that median. The hours before and after
        count as the same hour.
    """
    n, h = now.shape
    weeks = hourly.shape[1] // WEEK_H
    if weeks == 0 or n == 0:
        return np.zeros((n, h), np.bool_), np.zeros((n, h)), np.zeros((n, h))
    grid = hourly.reshape(n, weeks, WEEK_H)
    z = np.zeros((n, h))
    median = np.zeros((n, h))
    for column in range(h):
        around = [(column + shift) % WEEK_H for shift in (-1, 0, 1)]
        same = grid[:, :, around].reshape(n, -1).astype(np.float64)
        median[:, column] = np.median(same, axis=1)
        mad = np.median(np.abs(same - median[:, column, None]), axis=1)
        sigma = np.maximum(MAD_TO_SIGMA * mad, np.sqrt(np.maximum(median[:, column], 1.0)))
        z[:, column] = (now[:, column] - median[:, column]) / sigma
    hot = (z >= limits.min_z) & (now >= limits.min_hourly) & (now >= limits.min_ratio * median)
    return hot, z, median


def slow_lift(daily: NDArray[np.int64], limits: BurstLimits) -> Floats:
    """Return (n,) the one-sided CUSUM at the last of (n, days) counts, in standard deviations.

    A day is compared with the median of the days before, or of the same weekday where that is
    higher: a stream every Friday is no lift.
    Source: Page, "Continuous inspection schemes", Biometrika 1954.
    """
    n, days = daily.shape
    before = daily[:, :-1]
    if not n or days < 2:
        return np.zeros(n)
    middle = np.median(before, axis=1)
    mad = np.median(np.abs(before - middle[:, None]), axis=1)
    weekday = (days - 1 - np.arange(days)) % 7  # 0: the last day's weekday
    usual = np.stack(
        [_median_or(before[:, weekday[:-1] == day], middle) for day in range(7)], axis=1
    )
    expected = np.maximum(usual, middle[:, None])[:, weekday]
    sigma = np.maximum(MAD_TO_SIGMA * mad[:, None], np.sqrt(np.maximum(expected, 1.0)))
    level = np.zeros(n)
    for steps in ((daily - expected) / sigma).T:
        level = np.maximum(0.0, level + steps - limits.cusum_slack)
    return level


def _median_or(counts: NDArray[np.int64], otherwise: Floats) -> Floats:
    return np.median(counts, axis=1) if counts.shape[1] else otherwise


def detect(events: Events, history: History, limits: BurstLimits) -> list[Signal]:
    """Find posts with a burst of their creator's views, by viewers unlike those of a viral post."""
    if not len(history.creator):
        return []
    views = events.views()
    row = np.full(events.creators, -1, np.int32)
    row[history.creator] = np.arange(len(history.creator))
    hour = ((views.at_s - events.start_s) // HOUR_S).astype(np.int64)
    hours = _hours(events)
    place = np.where(views.creator >= 0, row[views.creator], -1).astype(np.int64)
    cell = np.where((place >= 0) & (hour >= 0) & (hour < hours), place * hours + hour, -1)
    now = tally(cell, len(history.creator) * hours).reshape(-1, hours).astype(np.int32)
    hot, z, median = hot_hours(history.hourly, now, limits)
    daily = history.hourly.reshape(len(history.hourly), -1, 24).sum(axis=2)
    # A day that is not over has no total to compare: only a whole one is compared.
    whole_day = hours >= DAY_S // HOUR_S
    lift = (
        slow_lift(np.column_stack([daily, now[:, -24:].sum(axis=1)]), limits)
        if whole_day
        else np.zeros(len(now))
    )
    doubled = now.sum(axis=1) >= 1.5 * np.maximum(np.median(daily, axis=1), limits.min_hourly)
    lifted = (lift >= limits.cusum_alarm) & doubled & ~hot.any(axis=1)
    inside = (cell >= 0) & (hot.ravel()[np.maximum(cell, 0)] | lifted[np.maximum(place, 0)])
    return _signals(events, views.where(inside), row, (median, z, now, lift), limits)


def _signals(
    events: Events,
    burst: Events,
    row: Codes,
    measured: tuple[Floats, Floats, NDArray[np.int32], Floats],
    limits: BurstLimits,
) -> list[Signal]:
    median, z, now, lift = measured
    count = tally(burst.post, events.posts)
    of_creator = tally(burst.creator, events.creators)
    watched = total(burst.post, burst.watched(), events.posts) / np.maximum(count, 1)
    entropy = _entropy_bits(events, burst, count)
    young, usual_young = _new_share(events, burst, limits.new_account_age_h * HOUR_S)
    many_young = max(limits.new_account_share, limits.new_account_times * usual_young)
    signals = []
    main = (count >= limits.min_hourly) & (
        count >= MIN_POST_SHARE * of_creator[events.post_creator]
    )
    for post in np.flatnonzero(main):
        grounds = {
            Ground.RETENTION: watched[post] < limits.low_watch,
            Ground.SOURCES: entropy[post] < limits.low_entropy_bits,
            Ground.NEW_ACCOUNTS: young[post] >= many_young,
        }
        odd_grounds = [ground for ground, is_odd in grounds.items() if is_odd]
        if not odd_grounds:
            continue  # a viral post
        at = int(row[events.post_creator[post]])
        times = burst.at_s[burst.post == post]
        peak = int(now[at].argmax())
        highest, usual = int(now[at, peak]), round(float(median[at, peak]))
        signals.append(
            Signal(
                name=SignalName.BURST,
                subject=Subject(SubjectKind.POST, int(post)),
                score=0.3 + 0.2 * len(odd_grounds),
                grounds=frozenset(odd_grounds),
                facts={
                    "count": int(count[post]),
                    "total": int(tally(events.views().post, events.posts)[post]),
                    "peak_per_hour": highest,
                    "usual_per_hour": usual,
                    "robust_z": round(float(z[at].max()), 1),
                    "slow_lift": round(float(lift[at]), 1),
                    "watched_percent": round(float(watched[post]) * 100, 1),
                    "source_entropy_bits": round(float(entropy[post]), 2),
                    "new_account_percent": round(float(young[post]) * 100, 1),
                },
                sentence=(
                    f"{int(count[post])} views came in a rush of up to {highest} an hour, where"
                    f" about {usual} are usual, and the viewers"
                    f" {' and '.join(GROUND_WORDS[ground] for ground in odd_grounds)}."
                ),
                first_s=int(times.min()),
                last_s=int(times.max()),
                divisible=True,
            )
        )
    return signals


def _entropy_bits(events: Events, burst: Events, count: NDArray[np.int64]) -> Floats:
    codes, _ = host_codes(events.referrers)
    host = (
        np.where(burst.referrer >= 0, codes[burst.referrer], -1) if len(codes) else burst.referrer
    )
    post, _, n = pairs(burst.post, host)
    p = n / np.maximum(count[post], 1)
    return total(post, -p * np.log2(p), len(count))


def _new_share(events: Events, burst: Events, age_s: int) -> tuple[Floats, float]:
    """Return the share of new accounts among each post's viewers in the burst, and among all."""
    is_new = events.accounts.signed_up_s > events.start_s - age_s
    post, account, _ = pairs(burst.post, burst.account)
    viewers = np.unique(events.views().account)
    usual = float(is_new[viewers[viewers >= 0]].mean()) if (viewers >= 0).any() else 0.0
    share = total(post, is_new[account].astype(np.float64), events.posts) / np.maximum(
        tally(post, events.posts), 1
    )
    return share, usual


def _hours(events: Events) -> int:
    return max(1, -(-(events.end_s - events.start_s) // HOUR_S))
