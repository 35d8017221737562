"""Referrer manipulation: impossible sources, traffic exchanges, and pages whose visitors do not
watch.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from oracle.fraud.detectors.arrays import pairs, tally, total, usual_range, wilson_lower_bound
from oracle.fraud.detectors.events import Codes, Events
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import ReferrerLimits

# Traffic exchanges, which pay members in visits for visiting others, as in referrer-spam lists.
EXCHANGES = frozenset(
    {
        "10khits.com",
        "autosurf.cc",
        "easyhits4u.com",
        "feelingsurf.fr",
        "hitleap.com",
        "otohits.net",
        "rankboostup.com",
        "sparktraffic.com",
        "trafficg.com",
        "traffup.net",
        "webhits.io",
        "websyndic.com",
    }
)
HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}")
# A section of the platform itself ("foryou", "profile"): one word that is no internet host.
INTERNAL_SECTION = re.compile(r"(?!localhost$)[a-z][a-z0-9_-]*")
INTERNAL_SCHEMES = frozenset({"app", "internal", "android-app", "ios-app"})
USUAL_MIN_VIEWS = 50


class Source(IntEnum):
    """The kind of source that a referrer names."""

    NONE = 0
    INTERNAL = 1
    EXTERNAL = 2
    FALSE = 3  # impossible, or a traffic exchange


@lru_cache(maxsize=200_000)
def read_referrer(text: str) -> tuple[Source, str]:
    """Return the kind of a referrer and its host ("" where it has none). Never raises."""
    if not text.strip():
        return Source.NONE, ""
    try:
        parts = urlsplit(text if "://" in text else "//" + text)
        host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    except ValueError:
        return Source.FALSE, ""
    if parts.scheme in INTERNAL_SCHEMES or INTERNAL_SECTION.fullmatch(host):
        return Source.INTERNAL, host
    if _is_address(host) or not HOST.fullmatch(host):
        return Source.FALSE, host
    if host in EXCHANGES or any(host.endswith("." + listed) for listed in EXCHANGES):
        return Source.FALSE, host
    return Source.EXTERNAL, host


def detect(events: Events, limits: ReferrerLimits) -> list[Signal]:
    """Find posts with many views from a false source, or from one outside page without watching."""
    views = events.views()
    kinds, hosts, names = _sources(events.referrers)
    known = views.referrer >= 0
    kind = (
        np.where(known, kinds[views.referrer], Source.NONE)
        if len(kinds)
        else np.zeros(len(views), np.int8)
    )
    host = np.where(known, hosts[views.referrer], -1) if len(hosts) else np.full(len(views), -1)
    whole = tally(views.post, events.posts)
    false = kind == Source.FALSE
    collapsed = _collapsed(
        views, np.where(kind == Source.EXTERNAL, host, -1), len(names), whole, limits
    )
    count, listed = (
        tally(views.post[false | collapsed], events.posts),
        tally(views.post[false], events.posts),
    )
    share, listed_share = wilson_lower_bound(count, whole), wilson_lower_bound(listed, whole)
    low, high = usual_range(count / np.maximum(whole, 1), whole >= USUAL_MIN_VIEWS)
    signals = []
    for post in np.flatnonzero((count >= limits.min_views) & (share >= limits.min_share)):
        flagged = (false | collapsed) & (views.post == post)
        n, of, false_alone = (
            int(count[post]),
            int(whole[post]),
            bool(listed_share[post] >= limits.min_share),
        )
        top = (
            names[int(np.bincount(host[flagged & (host >= 0)]).argmax())]
            if (flagged & (host >= 0)).any()
            else "no address"
        )
        watched = round(float(views.watched()[flagged].mean()) * 100, 1)
        how = (
            "sources that trade visits or do not exist"
            if false_alone
            else f"one outside page, {top}, and almost none of"
        )
        signals.append(
            Signal(
                name=SignalName.REFERRERS,
                subject=Subject(SubjectKind.POST, int(post)),
                score=float(share[post]),
                grounds=frozenset(
                    {Ground.SOURCES} if false_alone else {Ground.SOURCES, Ground.RETENTION}
                ),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "usual_low": low,
                    "usual_high": high,
                    "false_sources": int(listed[post]),
                    "commonest_source": top,
                    "watched_percent": watched,
                },
                sentence=(
                    f"{n} of {of} views name {how}"
                    + ("." if false_alone else " those visitors watched.")
                ),
                first_s=int(views.at_s[flagged].min()),
                last_s=int(views.at_s[flagged].max()),
                sources=distinct(views.account[flagged]),
                beyond_doubt=bool(
                    listed[post] >= limits.certain_views
                    and listed_share[post] >= limits.certain_share
                ),
            )
        )
    return signals


def host_codes(referrers: Sequence[str]) -> tuple[Codes, int]:
    """Return (n,) a code of each referrer's host (or kind, without a host), and how many codes."""
    table: dict[tuple[Source, str], int] = {}
    codes = [table.setdefault(read_referrer(text), len(table)) for text in referrers]
    return np.array(codes, np.int32), len(table)


def _sources(referrers: Sequence[str]) -> tuple[NDArray[np.int8], Codes, list[str]]:
    """Return kind and host code of each referrer, and the hosts by code."""
    table: dict[str, int] = {}
    read = [read_referrer(text) for text in referrers]
    hosts = [table.setdefault(host, len(table)) if host else -1 for _, host in read]
    return np.array([kind for kind, _ in read], np.int8), np.array(hosts, np.int32), list(table)


def _collapsed(
    views: Events,
    host: NDArray[np.int32],
    hosts: int,
    whole: NDArray[np.int64],
    limits: ReferrerLimits,
) -> NDArray[np.bool_]:
    """Return (n,) whether a view came from an outside page that sent many to a post, of whom hardly
    any watched, unlike the post's other viewers.
    """
    post_of, host_of, count = pairs(views.post, host)
    if not len(count):
        return np.zeros(len(views), np.bool_)
    key = views.post.astype(np.int64) * hosts + host
    keys = post_of * hosts + host_of
    index = np.where(host >= 0, np.searchsorted(keys, np.where(host >= 0, key, keys[0])), -1)
    watched = views.watched()
    seen = total(index, watched, len(keys))
    others = (total(views.post, watched, len(whole))[post_of] - seen) / np.maximum(
        whole[post_of] - count, 1
    )
    # Where one page sent most viewers of a post, the others are too few to compare with: then all
    # of the platform's views are used.
    compared = np.where(
        whole[post_of] - count >= np.maximum(limits.min_views, count), others, watched.mean()
    )
    rate = seen / count
    many = (count >= limits.min_views) & (count >= limits.min_share * whole[post_of])
    bad = many & (rate < limits.collapsed_watch) & (rate < limits.collapsed_ratio * compared)
    collapsed: NDArray[np.bool_] = (index >= 0) & bad[np.maximum(index, 0)]
    return collapsed


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
