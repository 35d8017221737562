"""Odd user agents: crawlers, headless tools, and combinations that no device has."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import crawleruseragents  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from ua_parser import parse

from oracle.fraud.detectors.arrays import tally, usual_range, wilson_lower_bound
from oracle.fraud.detectors.events import Events
from oracle.fraud.detectors.signals import (
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)
from oracle.fraud.detectors.thresholds import UserAgentLimits

# Browsers that have other names on iOS, since Apple allows only its own engine there.
NOT_ON_IOS = frozenset(
    {"Chrome", "Chrome Mobile", "Firefox", "Firefox Mobile", "Edge", "Opera", "Samsung Internet"}
)
LAST_SAFARI_ON_WINDOWS = 5  # of 2012
ANTIQUE = {"IE": 10, "Chrome": 40, "Firefox": 30, "Opera": 12}  # major versions of 2015 and before
USUAL_MIN_VIEWS = 50


class Oddity(StrEnum):
    """Why a user agent is odd."""

    EMPTY = "no name at all"
    CRAWLER = "a crawler or script"
    IMPOSSIBLE = "a combination that no device has"
    ANTIQUE = "a browser more than ten years old"


@lru_cache(maxsize=200_000)
def judge_agent(text: str) -> Oddity | None:
    """Return why this user agent is odd, None where a person may well use it."""
    if not text.strip():
        return Oddity.EMPTY
    if crawleruseragents.is_crawler(text):
        return Oddity.CRAWLER
    parsed = parse(text)
    system = parsed.os.family if parsed.os else ""
    browser = parsed.user_agent.family if parsed.user_agent else ""
    major = (
        int(parsed.user_agent.major or 0)
        if parsed.user_agent and (parsed.user_agent.major or "").isdigit()
        else 0
    )
    claims = [
        name for name in ("iPhone", "iPad", "Android", "Windows NT", "Macintosh") if name in text
    ]
    if len(claims) > 1 and not set(claims) <= {"iPhone", "iPad"}:
        return Oddity.IMPOSSIBLE
    if system == "iOS" and browser in NOT_ON_IOS:
        return Oddity.IMPOSSIBLE
    if system == "Windows" and browser == "Safari" and major > LAST_SAFARI_ON_WINDOWS:
        return Oddity.IMPOSSIBLE
    if browser == "IE" and not system.startswith("Windows"):
        return Oddity.IMPOSSIBLE
    if 0 < major <= ANTIQUE.get(browser, 0) and "TV" not in text:
        return Oddity.ANTIQUE
    return None


def odd_agents(agents: Sequence[str]) -> NDArray[np.bool_]:
    """Return (n,) whether each user agent is odd."""
    return np.fromiter((judge_agent(text) is not None for text in agents), np.bool_, len(agents))


def detect(events: Events, limits: UserAgentLimits) -> list[Signal]:
    """Find posts with many views by odd user agents. Score: the lower bound of their share."""
    views = events.views()
    odd_by_agent = odd_agents(events.agents)
    odd = (
        (views.agent >= 0) & odd_by_agent[views.agent]
        if len(odd_by_agent)
        else np.zeros(len(views), np.bool_)
    )
    count, whole = tally(views.post[odd], events.posts), tally(views.post, events.posts)
    share = wilson_lower_bound(count, whole)
    low, high = usual_range(count / np.maximum(whole, 1), whole >= USUAL_MIN_VIEWS)
    signals = []
    for post in np.flatnonzero((count >= limits.min_views) & (share >= limits.min_share)):
        flagged = odd & (views.post == post)
        commonest = int(np.bincount(views.agent[flagged]).argmax())
        reason = judge_agent(events.agents[commonest])
        n, of = int(count[post]), int(whole[post])
        signals.append(
            Signal(
                name=SignalName.USER_AGENTS,
                subject=Subject(SubjectKind.POST, int(post)),
                score=float(share[post]),
                grounds=frozenset({Ground.SOFTWARE}),
                facts={
                    "count": n,
                    "total": of,
                    "percent": percent(n, of),
                    "usual_low": low,
                    "usual_high": high,
                    "example": events.agents[commonest][:200],
                    "example_reason": str(reason),
                },
                sentence=(
                    f"{n} of {of} views came from programs that people do not watch videos with,"
                    f" most of them from {reason}."
                ),
                first_s=int(views.at_s[flagged].min()),
                last_s=int(views.at_s[flagged].max()),
                sources=distinct(views.account[flagged]),
                beyond_doubt=n >= limits.certain_views
                and bool(share[post] >= limits.certain_share),
            )
        )
    return signals
