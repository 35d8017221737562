"""Reactions in step: many accounts at one post that all do everything one can do, and little else
anywhere. People who see a post react in one way, or none; who do three or four kinds at once are
few.
"""

import numpy as np

from oracle.fraud.detectors.arrays import pairs, tally, wilson_lower_bound
from oracle.fraud.detectors.events import Events, Kind
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
MIN_KINDS = 3
KINDS = 16


def detect(events: Events, limits: LockstepLimits) -> list[Signal]:
    """Find posts most of whose reactions are by accounts that did three kinds or more of them."""
    reacted = np.isin(events.kind, REACTIONS) & (events.post >= 0) & (events.account >= 0)
    if not reacted.any():
        return []
    width = len(events.accounts)
    key = np.where(reacted, events.post.astype(np.int64) * width + events.account, -1)
    who, _, _ = pairs(key, events.kind)
    at, kinds = np.unique(who, return_counts=True)
    post, account = at // width, at % width
    # regulars of the creator, and people who react elsewhere too, are an audience
    creators_of = tally(pairs(events.account, events.creator)[0], width)
    alone = (kinds >= MIN_KINDS) & (creators_of[account] <= 1)
    count, whole = tally(post[alone], events.posts), tally(post, events.posts)
    share = wilson_lower_bound(count, whole)
    signals = []
    for number in np.flatnonzero((count >= limits.min_accounts) & (share >= limits.min_share)):
        mine = account[alone & (post == number)]
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
                    f"{n} of the {of} accounts that reacted did three things or more at once"
                    " (like, comment, save, share) and were seen at nobody else's posts. They do"
                    " not count."
                ),
                first_s=int(events.at_s[rows].min()),
                last_s=int(events.at_s[rows].max()),
                events=rows,
                accounts=distinct(mine),
                doubtful=True,
            )
        )
    return signals
