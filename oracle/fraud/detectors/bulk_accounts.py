"""Bulk account creation: sign-ups that look alike, came together, and then went to the same post.

A school class signs up together too; but it is smaller, its names and devices differ, and its
members go to different posts. Newcomers of a television show have one program and one shape of name
as well, but not one address. So three things must agree: alike (one address, and one program or
shape of the name), together (many more within hours than such sign-ups usually are), and in step (a
good part of the group at one post). Source of the idea: Beutel et al., "CopyCatch", WWW 2013; Cao
et al., "SynchroTrap", CCS 2014.
"""

import numpy as np
from numpy.typing import NDArray

from oracle.fraud.detectors.arrays import Ints, pairs, tally, usual_range, wilson_lower_bound
from oracle.fraud.detectors.events import DAY_S, HOUR_S, Accounts, Events
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import BulkAccountLimits

USUAL_MIN_ACCOUNTS = 50


def groups(accounts: Accounts, now_s: int, limits: BulkAccountLimits) -> Ints:
    """Return (accounts,) the code of the group each account was created in, -1 for none."""
    group_of = np.full(len(accounts), -1, np.int64)
    recent = np.flatnonzero(accounts.signed_up_s > now_s - limits.lookback_days * DAY_S)
    if not len(recent):
        return group_of
    size = np.zeros(len(accounts), np.int64)
    offset = 0
    for left, right in (("ip", "agent"), ("ip", "shape")):
        a, b = getattr(accounts, left)[recent], getattr(accounts, right)[recent]
        both = (a >= 0) & (b >= 0)
        members = recent[both]
        if not len(members):
            continue
        _, key = np.unique(
            a[both].astype(np.int64) * (int(b.max()) + 1) + b[both], return_inverse=True
        )
        window, count = _crowded_windows(key, accounts.signed_up_s[members], limits)
        better = (window >= 0) & (count > size[members])
        group_of[members[better]] = window[better] + offset
        size[members[better]] = count[better]
        offset += len(recent)
    return group_of


def detect(events: Events, limits: BulkAccountLimits) -> list[Signal]:
    """Find posts with many active accounts that were created together.

    Score: the lower bound of their share.
    """
    group = groups(events.accounts, events.end_s, limits)
    if not (group >= 0).any():
        return []
    acted = events.where(events.post >= 0)
    post, account, _ = pairs(acted.post, acted.account)
    whole = tally(post, events.posts)
    of = group[account]
    target, name, together = pairs(post, of)
    active = tally(group[np.unique(account)], int(group.max()) + 1)
    in_step = (together >= limits.min_lockstep * active[name]) & (together >= limits.min_group // 2)
    count = np.bincount(target[in_step], weights=together[in_step], minlength=events.posts).astype(
        np.int64
    )
    share = wilson_lower_bound(count, whole)
    low, high = usual_range(count / np.maximum(whole, 1), whole >= USUAL_MIN_ACCOUNTS)
    signals = []
    for number in np.flatnonzero((count >= limits.min_accounts) & (share >= limits.min_share)):
        mine = in_step & (target == number)
        members = account[(post == number) & np.isin(of, name[mine])]
        signed_up = events.accounts.signed_up_s[members]
        rows = np.flatnonzero((events.post == number) & np.isin(events.account, members))
        times = events.at_s[rows]
        n, everyone = int(count[number]), int(whole[number])
        hours = max(1, round(float(np.ptp(signed_up)) / HOUR_S))
        signals.append(
            Signal(
                name=SignalName.BULK_ACCOUNTS,
                subject=Subject(SubjectKind.POST, int(number)),
                score=float(share[number]),
                grounds=frozenset({Ground.NEW_ACCOUNTS}),
                facts={
                    "count": n,
                    "total": everyone,
                    "percent": percent(n, everyone),
                    "usual_low": low,
                    "usual_high": high,
                    "groups": int(mine.sum()),
                    "largest_group": int(together[mine].max()),
                    "made_within_hours": hours,
                    "addresses": len(np.unique(events.accounts.ip[members])),
                },
                sentence=(
                    f"{n} of the {everyone} accounts that were active here were made together"
                    f" within {hours} hours, look alike, and came to the same post."
                ),
                first_s=int(times.min()),
                last_s=int(times.max()),
                events=rows,
                accounts=distinct(members),
            )
        )
    return signals


def _crowded_windows(
    key: NDArray[np.int64], signed_up_s: NDArray[np.int64], limits: BulkAccountLimits
) -> tuple[Ints, Ints]:
    """Find crowded windows of sign-ups that share a key.

    Returns: (n,) the code of the window each sign-up lies in (-1: none), and (n,) its size.
    """
    order = np.lexsort((signed_up_s, key))
    start, window_s = int(signed_up_s.min()), limits.window_h * HOUR_S
    stretch = int(np.ptp(signed_up_s)) + window_s + 2
    # lay the keys one after the other on one line, each with a time axis of its own
    line = key[order] * stretch + (signed_up_s[order] - start)
    last = np.searchsorted(line, line + window_s, side="right")
    inside = last - np.arange(len(line))
    of_key = np.bincount(key)[key[order]]
    other_windows = max(1.0, limits.lookback_days * 24 / limits.window_h - 1)
    usual = (of_key - inside) / other_windows
    crowded = (inside >= limits.min_group) & (inside >= limits.times_usual * usual)
    edge = np.zeros(len(line) + 1, np.int64)
    np.add.at(edge, np.flatnonzero(crowded), 1)
    np.add.at(edge, last[crowded], -1)
    covered = np.cumsum(edge[:-1]) > 0
    begins = covered & ~np.concatenate(
        ([False], covered[:-1] & (key[order][1:] == key[order][:-1]))
    )
    number = np.cumsum(begins) - 1
    window = np.full(len(line), -1, np.int64)
    count = np.zeros(len(line), np.int64)
    window[order] = np.where(covered, number, -1)
    sizes = np.bincount(number[covered], minlength=1)
    count[order] = np.where(covered, sizes[np.maximum(number, 0)], 0)
    return window, count
