"""The shape that most detectors have: a share of the views of a post that is too large."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from oracle.fraud.detectors.arrays import tally, usual_range, wilson_lower_bound
from oracle.fraud.detectors.events import Events, Mask
from oracle.fraud.detectors.signals import (
    Fact,
    Ground,
    Signal,
    SignalName,
    Subject,
    SubjectKind,
    distinct,
    percent,
)

USUAL_MIN_VIEWS = 50


@dataclass(frozen=True, kw_only=True)
class Part:
    """The flagged views of one post: `count` of its `total`, and the lower bound of that share."""

    views: Events
    post: int
    count: int
    total: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a detector says about one part; see `Signal`."""

    sentence: str
    facts: dict[str, Fact]
    doubtful: bool = False
    beyond_doubt: bool = False


def large_shares(
    events: Events,
    flagged: Mask,
    *,
    name: SignalName,
    ground: Ground,
    min_views: int,
    min_share: float,
    describe: Callable[[Part], Words | None],
) -> Iterator[Signal]:
    """Yield a signal for each post of whose views too many are flagged.

    Args:
        flagged: (n,) of the rows of `events.views()`.
        describe: Says it in words, or None where it is nothing after all.
    """
    views, rows = events.views(), events.view_rows()
    count, whole = tally(views.post[flagged], events.posts), tally(views.post, events.posts)
    share = wilson_lower_bound(count, whole)
    low, high = usual_range(count / np.maximum(whole, 1), whole >= USUAL_MIN_VIEWS)
    for post in np.flatnonzero((count >= min_views) & (share >= min_share)):
        chosen = flagged & (views.post == post)
        part = Part(
            views=views.where(chosen),
            post=int(post),
            count=int(count[post]),
            total=int(whole[post]),
            share=float(share[post]),
        )
        words = describe(part)
        if words is None:
            continue
        yield Signal(
            name=name,
            subject=Subject(SubjectKind.POST, int(post)),
            score=part.share,
            grounds=frozenset({ground}),
            facts={
                "count": part.count,
                "total": part.total,
                "percent": percent(part.count, part.total),
                "usual_low": low,
                "usual_high": high,
                **words.facts,
            },
            sentence=words.sentence,
            first_s=int(part.views.at_s.min()),
            last_s=int(part.views.at_s.max()),
            events=rows[chosen],
            accounts=distinct(part.views.account),
            doubtful=words.doubtful,
            beyond_doubt=words.beyond_doubt,
            knowing=_takes_part(events, part),
        )


MIN_TOGETHER = 10  # accounts on the creator's own devices; a family has fewer


def _takes_part(events: Events, part: Part) -> bool:
    """Tell whether the creator's own account uses the devices that many of the accounts are on."""
    creator = events.post_creator[part.post]
    own = np.flatnonzero(events.accounts.creator == creator) if creator >= 0 else ()
    devices = distinct(events.device[np.isin(events.account, own)])
    there = np.isin(part.views.device, devices) & (part.views.device >= 0)
    return len(distinct(part.views.account[there])) >= MIN_TOGETHER
