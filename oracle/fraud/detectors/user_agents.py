"""Views by programs that say so themselves. Without an account they count for nobody, whoever sent
them; many of them are worth a look. Names that are merely odd or old say nothing. Nor does
that of a library where people are signed in and stay, some longer than others: it is their app's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oracle.engagement.agents import Program, is_library, program_of
from oracle.fraud.detectors.arrays import vary
from oracle.fraud.detectors.events import Events
from oracle.fraud.detectors.shares import Part, Words, large_shares
from oracle.fraud.detectors.signals import Ground, Signal, SignalName
from oracle.fraud.detectors.thresholds import UserAgentLimits


def named_tools(agents: Sequence[str]) -> NDArray[np.bool_]:
    """Return (n,) whether each user agent says that it is a tool. Previews and crawlers are not
    meant: they come to every post that is talked about.
    """
    return np.fromiter((program_of(a) is Program.TOOL for a in agents), np.bool_, len(agents))


def detect(events: Events, limits: UserAgentLimits) -> list[Signal]:
    """Find posts with many views by tools. Score: the lower bound of their share."""
    views, tools = events.views(), named_tools(events.agents)
    flagged = (views.agent >= 0) & tools[views.agent] if len(tools) else np.zeros(len(views), bool)
    if flagged.any():
        libraries = np.fromiter(map(is_library, events.agents), np.bool_, len(tools))
        stays = flagged & libraries[views.agent] & views.stays(limits.min_watch)
        for post in np.unique(views.post[stays]):
            here = stays & (views.post == post)
            if vary(views.watch_s[here]):  # a script's views are all of one length
                flagged &= ~here

    def describe(part: Part) -> Words:
        example = events.agents[int(np.bincount(part.views.agent).argmax())][:200]
        return Words(
            sentence=f"{part.count} of {part.total} views were sent by programs that say so"
            f" themselves ({example.split('/')[0][:40]}). They do not count.",
            facts={"example": example},
            doubtful=True,
        )

    return list(
        large_shares(
            events,
            flagged,
            name=SignalName.USER_AGENTS,
            ground=Ground.SOFTWARE,
            min_views=limits.min_views,
            min_share=limits.min_share,
            describe=describe,
        )
    )
