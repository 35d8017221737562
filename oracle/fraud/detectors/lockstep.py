"""Reactions in step: many accounts at one post that all do everything one can do. People who see a
post react in one way, or none; who do several kinds at once are few.

Accounts that nobody knew before are the ones that can be bought by the dozen, so of them two kinds
are enough, and theirs do not count. A club of fans whose accounts are known is only worth a look.
"""

import numpy as np

from oracle.fraud.detectors.arrays import Ints, pairs, tally, wilson_lower_bound
from oracle.fraud.detectors.events import DAY_S, Events, Kind, Mask
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import LockstepLimits

REACTIONS = (Kind.LIKE, Kind.COMMENT, Kind.SAVE, Kind.SHARE)


def detect(events: Events, limits: LockstepLimits) -> list[Signal]:
    """Find posts most of whose reactions are by accounts that did several kinds of them."""
    reacted = np.isin(events.kind, REACTIONS) & (events.post >= 0) & (events.account >= 0)
    if not reacted.any():
        return []
    width = len(events.accounts)
    key = np.where(reacted, events.post.astype(np.int64) * width + events.account, -1)
    who, _, _ = pairs(key, events.kind)
    at, kinds = np.unique(who, return_counts=True)
    post, account = at // width, at % width
    rows = np.flatnonzero(reacted)
    first = np.full(len(at), np.iinfo(np.int64).max)
    np.minimum.at(first, np.searchsorted(at, key[rows]), events.at_s[rows])
    seen = events.accounts.first_seen_s[account]
    known = (seen > 0) & (seen < first - limits.new_days * DAY_S)
    # people who are seen at others' posts, too, are an audience
    creators_of = tally(pairs(events.account, events.creator)[0], width)
    new = ~known & (kinds >= limits.kinds_of_new)
    club = known & (kinds >= limits.kinds) & (creators_of[account] <= 1)
    whole = tally(post, events.posts)
    return [
        *_signals(events, post, account, whole, new, limits.min_accounts, limits, is_new=True),
        *_signals(events, post, account, whole, club, limits.known_accounts, limits, is_new=False),
    ]


def _signals(
    events: Events,
    post: Ints,
    account: Ints,
    whole: Ints,
    chosen: Mask,
    least: int,
    limits: LockstepLimits,
    *,
    is_new: bool,
) -> list[Signal]:
    count = tally(post[chosen], events.posts)
    share = wilson_lower_bound(count, whole)
    signals = []
    for number in np.flatnonzero((count >= least) & (share >= limits.min_share)):
        mine = account[chosen & (post == number)]
        rows = np.flatnonzero((events.post == number) & np.isin(events.account, mine))
        n, of = int(count[number]), int(whole[number])
        signals.append(
            Signal(
                name=SignalName.LOCKSTEP,
                subject=Subject(SubjectKind.POST, int(number)),
                score=float(share[number]),
                grounds=frozenset({Ground.BEHAVIOUR}),
                facts={"count": n, "total": of, "percent": percent(n, of)},
                sentence=(
                    f"{n} of the {of} accounts that reacted did {limits.kinds_of_new} things or"
                    " more at once (like, comment, save, share), and had done nothing here"
                    f" {limits.new_days} days before. They do not count."
                    if is_new
                    else f"{n} of the {of} accounts that reacted did {limits.kinds} things or more"
                    " at once (like, comment, save, share) and were seen at nobody else's posts."
                ),
                first_s=int(events.at_s[rows].min()),
                last_s=int(events.at_s[rows].max()),
                events=rows,
                accounts=distinct(mine),
                doubtful=is_new,
            )
        )
    return signals
