"""Views without an account that tell too little: all from one address on ever new devices, or with
nothing told at all.

A school, an office or a mobile network is one address, too; so an address is a sign only together
with hundreds of devices (or browsers that name none) that came once each.
"""

import numpy as np

from oracle.fraud.detectors.arrays import Ints, pairs, tally, vary
from oracle.fraud.detectors.events import Events, Mask
from oracle.fraud.detectors.shares import USUAL_MIN_VIEWS, Part, Words, large_shares
from oracle.fraud.detectors.signals import Ground, Signal, SignalName
from oracle.fraud.detectors.thresholds import AddressLimits, UnknownLimits

AT_A_TIME = 4.0  # views of one browser follow each other, or run in a few windows
BROWSER_SHARE = 0.8


def detect(events: Events, limits: AddressLimits) -> list[Signal]:
    """Find posts to which one address sent hundreds of views without an account."""
    views = events.views()
    nameless = (views.account < 0) & (views.ip >= 0)
    if not nameless.any():
        return []
    post, address, count = pairs(
        np.where(nameless, views.post, -1), np.where(nameless, views.ip, -1)
    )
    crowded = count >= limits.min_views
    lengths = views.watched()
    flagged = nameless & _is_among(views, views.ip, post[crowded], address[crowded])

    def describe(part: Part) -> Words:
        devices, of_device = np.unique(
            part.views.device[part.views.device >= 0], return_counts=True
        )
        once = int((of_device == 1).sum())
        addresses = len(np.unique(part.views.ip))
        rest = lengths[~flagged]
        return Words(
            sentence=f"{part.count} of {part.total} views came from {addresses}"
            f" address{'es' if addresses > 1 else ''}, signed in with no account, on"
            f" {len(devices)} devices of which {once} were seen once. Of these a few count.",
            facts={"addresses": addresses, "devices": len(devices), "devices_seen_once": once},
            # A campus watches as people do; of one address as many count as a school has.
            doubtful=not (_many_watch(part.views) and _alike(part.views.watched(), rest)),
        )

    return list(
        large_shares(
            events,
            flagged,
            name=SignalName.ADDRESSES,
            ground=Ground.ADDRESSES,
            min_views=limits.min_views,
            min_share=limits.min_share,
            describe=describe,
        )
    )


def detect_unknown(events: Events, limits: UnknownLimits) -> list[Signal]:
    """Find posts with hundreds of views of which neither account nor program is told, where the
    platform tells it of most other views.
    """
    views = events.views()
    named = np.fromiter(
        (bool(text.strip()) for text in events.agents), np.bool_, len(events.agents)
    )
    told = (views.agent >= 0) & named[views.agent] if len(named) else np.zeros(len(views), bool)
    flagged = (views.account < 0) & ~told
    silent, whole = tally(views.post[flagged], events.posts), tally(views.post, events.posts)

    def describe(part: Part) -> Words | None:
        others = len(views) - int(whole[part.post])
        silent_others = int(silent.sum()) - part.count
        if others >= limits.min_others and silent_others * 2 > others:
            return None  # nobody here is told of: no sign in either direction
        return Words(
            sentence=f"Of {part.count} of {part.total} views nothing was told: no account and no"
            " program. Nobody can say whether people watched.",
            facts={"others_percent": round(100 * silent_others / max(others, 1), 1)},
            doubtful=others >= limits.min_others and silent_others * 2 <= others,
        )

    return list(
        large_shares(
            events,
            flagged,
            name=SignalName.UNKNOWN,
            ground=Ground.SILENCE,
            min_views=limits.min_views,
            min_share=limits.min_share,
            describe=describe,
        )
    )


def _many_watch(views: Events) -> bool:
    """Tell whether several people could be behind these views: some watch longer than others, and
    more is watched at a time than one browser can show, or by several browsers.
    """
    if not vary(views.watch_s):
        return False
    at_a_time = float(views.watch_s.sum()) / max(int(np.ptp(views.at_s)), 1)
    commonest = int(np.bincount(views.agent[views.agent >= 0], minlength=1).max())
    return at_a_time >= AT_A_TIME or commonest < BROWSER_SHARE * len(views)


def _alike(watched: np.ndarray, rest: np.ndarray) -> bool:
    """Tell whether the share that these watched is as usual; where few others are, nobody knows."""
    if len(rest) < USUAL_MIN_VIEWS:
        return True
    low, high = np.percentile(rest, [5, 95])
    return bool(low <= np.median(watched) <= high)


def _is_among(views: Events, column: Ints | np.ndarray, post: Ints, value: Ints) -> Mask:
    """Return (n,) whether a view's post and value are among these pairs."""
    if not len(post):
        return np.zeros(len(views), bool)
    width = int(column.max()) + 1
    keys = views.post.astype(np.int64) * width + column
    return (column >= 0) & np.isin(keys, post * width + value)
