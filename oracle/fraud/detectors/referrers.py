"""Views that a traffic exchange sent, by visitors who did not stay or whom nobody knows.

Where nothing was reported, an app, a private network or a page in any alphabet is no sign at all.
"""

import numpy as np

from oracle.engagement.referrers import Source, source_of
from oracle.fraud.detectors.events import Events
from oracle.fraud.detectors.shares import Part, Words, large_shares
from oracle.fraud.detectors.signals import Ground, Signal, SignalName, percent
from oracle.fraud.detectors.thresholds import ReferrerLimits


def detect(events: Events, limits: ReferrerLimits) -> list[Signal]:
    """Find posts with many views from exchanges. Score: the lower bound of their share."""
    views = events.views()
    listed = np.fromiter(
        (source_of(text) is Source.EXCHANGE for text in events.referrers),
        np.bool_,
        len(events.referrers),
    )
    if not listed.any():
        return []
    flagged = (views.referrer >= 0) & listed[views.referrer] & ~views.stays(limits.min_watch)

    def describe(part: Part) -> Words:
        page = events.referrers[int(np.bincount(part.views.referrer).argmax())].partition("/")[0]
        return Words(
            sentence=f"{part.count} of {part.total} views came from pages that trade visits, most"
            f" of them from {page}, and hardly any of these visitors watched or signed in. They do"
            " not count.",
            facts={
                "commonest_source": page,
                "signed_in_percent": percent(int((part.views.account >= 0).sum()), part.count),
            },
            doubtful=True,
        )

    return list(
        large_shares(
            events,
            flagged,
            name=SignalName.REFERRERS,
            ground=Ground.SOURCES,
            min_views=limits.min_views,
            min_share=limits.min_share,
            describe=describe,
        )
    )
