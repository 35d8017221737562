"""Rows under construction: blocks of columns that end as one `Events`."""

from dataclasses import dataclass, field

import numpy as np

from oracle.fraud.detectors.events import Accounts, Events, Kind
from support.economy.people import People

COLUMNS = (
    "kind",
    "at_s",
    "post",
    "creator",
    "account",
    "device",
    "ip",
    "agent",
    "referrer",
    "watch_s",
    "video_s",
    "value",
)
TYPES = dict(
    zip(
        COLUMNS, (np.int8, np.int64, *[np.int32] * 7, np.float32, np.float32, np.int64), strict=True
    )
)


@dataclass
class Rows:
    """Blocks of events, added one scene after the other."""

    blocks: list[dict[str, np.ndarray]] = field(default_factory=list)

    def add(
        self,
        kind: Kind | np.ndarray,
        at_s: np.ndarray,
        people: People,
        account: np.ndarray,
        **columns,
    ) -> None:
        """Add events of these accounts; device, address and program are theirs unless given."""
        count = len(at_s)
        known = account >= 0
        filled = {
            "kind": kind,
            "at_s": at_s,
            "account": account,
            "post": -1,
            "creator": -1,
            "referrer": 0,
            "watch_s": 0,
            "video_s": 0,
            "value": 0,
            "device": np.where(known, people.device[account], -1),
            "ip": np.where(known, people.ip[account], -1),
            "agent": np.where(known, people.agent[account], -1),
        } | columns
        self.blocks.append(
            {name: np.broadcast_to(filled[name], count).astype(TYPES[name]) for name in COLUMNS}
        )

    def events(
        self, people: People, post_creator: np.ndarray, agents, referrers, creators: int, span
    ) -> Events:
        """Everything added so far, in the order of time."""
        columns = {name: np.concatenate([block[name] for block in self.blocks]) for name in COLUMNS}
        inside = (columns["at_s"] >= span[0]) & (columns["at_s"] < span[1])
        order = np.argsort(columns["at_s"], kind="stable")
        order = order[inside[order]]
        # Rows of sign-ups during the span tell of themselves; the table says the same for those
        # before.
        return Events(
            **{name: column[order] for name, column in columns.items()},
            post_creator=post_creator.astype(np.int32),
            accounts=Accounts(
                signed_up_s=people.signed_up_s,
                shape=people.shape.astype(np.int32),
                ip=people.ip.astype(np.int32),
                agent=people.agent.astype(np.int32),
                creator=people.creator.astype(np.int32),
                gifted_before=people.gifted_before,
                first_seen_s=np.zeros(len(people.signed_up_s), np.int64),
            ),
            agents=agents,
            referrers=referrers,
            creators=creators,
            start_s=span[0],
            end_s=span[1],
        )
