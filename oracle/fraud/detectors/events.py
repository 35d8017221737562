"""Engagement as columns: the input of every detector.

Names are replaced by codes 0..n-1; -1 stands for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Seconds = NDArray[np.int64]
Mask = NDArray[np.bool_]

DAY_S = 86_400
HOUR_S = 3_600


class Kind(IntEnum):
    """The kind of an event."""

    VIEW = 0
    LIKE = 1
    COMMENT = 2
    SAVE = 3
    SHARE = 4
    FOLLOW = 5
    GIFT = 6
    SIGN_UP = 7
    LOGIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What is known of each account, one row a code.

    Attributes:
        signed_up_s: Unix time of the sign-up; 0 where it lies before the span.
        shape: Code of the name's pattern of letters and digits ("anna.k07" and "jon.b21" share
            one).
        ip, agent: Codes as of the sign-up, -1 where unknown.
        creator: Code of the creator that this account is, -1 where it is none.
        gifted_before: Whether it gave a gift before the span.
        first_seen_s: Unix time of the first thing it ever did here, or 0 where that is not known.
    """

    signed_up_s: Seconds
    shape: Codes
    ip: Codes
    agent: Codes
    creator: Codes
    gifted_before: Mask
    first_seen_s: Seconds

    def __len__(self) -> int:
        return len(self.signed_up_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Events of one span of time, one row each, in any order.

    Attributes:
        kind: `Kind` as int8.
        at_s: Unix time.
        post, creator: The post acted on and its creator; a follow has a creator only, a login
            neither.
        account, device, ip, agent, referrer: Who acted, and from where; agent and referrer index
            the tables below.
        watch_s, video_s: Seconds watched and length, of views; 0 elsewhere.
        value: Minor units, of gifts; 0 elsewhere.
        post_creator: (posts,) creator of each post.
        accounts: One row an account code.
        agents, referrers: Distinct texts.
        creators: How many creator codes there are.
    """

    kind: NDArray[np.int8]
    at_s: Seconds
    post: Codes
    creator: Codes
    account: Codes
    device: Codes
    ip: Codes
    agent: Codes
    referrer: Codes
    watch_s: NDArray[np.float32]
    video_s: NDArray[np.float32]
    value: NDArray[np.int64]
    post_creator: Codes
    accounts: Accounts
    agents: Sequence[str]
    referrers: Sequence[str]
    creators: int
    start_s: int = 0
    end_s: int = 0
    # Most detectors read the views, so they are selected once.
    _views: list["Events"] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def posts(self) -> int:
        return len(self.post_creator)

    def where(self, mask: Mask) -> Self:
        """Return the events that a mask selects, with the same codes."""
        columns = {name: getattr(self, name)[mask] for name in COLUMNS}
        return replace(self, **columns, _views=[])

    def views(self) -> "Events":
        """Return the views of posts."""
        if not self._views:
            self._views.append(self.where((self.kind == Kind.VIEW) & (self.post >= 0)))
        return self._views[0]

    def view_rows(self) -> NDArray[np.int64]:
        """Return (m,) the rows of the views of posts, in the order of `views()`."""
        return np.flatnonzero((self.kind == Kind.VIEW) & (self.post >= 0))

    def watched(self) -> NDArray[np.float32]:
        """Return (n,) the share of the video that each view watched, in [0, 1].

        Where no length was told, 1: what is not known is no sign, and a picture has no length.
        """
        length = np.maximum(self.video_s, 1e-3)
        share = np.where(self.video_s > 0, self.watch_s / length, 1.0)
        return np.minimum(share, 1.0).astype(np.float32)

    def stays(self, min_watch: float) -> Mask:
        """Return (n,) whether who views is signed in and watches at least that share: a person,
        wherever she came from and whatever her app is called.
        """
        there: Mask = (self.account >= 0) & (self.watched() >= min_watch)
        return there


TABLES = {
    "post_creator",
    "accounts",
    "agents",
    "referrers",
    "creators",
    "start_s",
    "end_s",
    "_views",
}
COLUMNS = tuple(f.name for f in fields(Events) if f.name not in TABLES)
